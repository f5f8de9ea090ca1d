/**
 * In the place of `motekey-host-sim`, for a program that is run again and again as a device is booted: its clouds go
 * on, with the devices that they know and the counters that these used.
 */
import { type Cloud, type CloudOptions, type NewEntity, startCloud as start } from "../../host-sim/index.js";

export * from "../../host-sim/index.js";

interface Kept {
  readonly clouds: Cloud[];
  readonly known: Map<string, { id: string; psk: string }>[];
  /** Which of them the program starts next. */
  next: number;
}

/** Programs have a copy of this module of their own: what they share with the tests stands here. */
const place = globalThis as { keptClouds?: Kept };

/** The clouds that go on; none at first. */
export function keptClouds(): Kept {
  place.keptClouds ??= { clouds: [], known: [], next: 0 };
  return place.keptClouds;
}

/** Forgets them; they are closed. */
export async function closeKeptClouds(): Promise<void> {
  const { clouds } = keptClouds();
  delete place.keptClouds;
  await Promise.all(clouds.map((cloud) => cloud.close()));
}

/** The cloud that the program started here at its first run; `close` leaves it as it is. */
export async function startCloud(options: CloudOptions = {}): Promise<Cloud> {
  const kept = keptClouds();
  const index = kept.next++;
  const cloud = kept.clouds[index] ?? (await start(options));
  const known = kept.known[index] ?? new Map<string, { id: string; psk: string }>();
  kept.clouds[index] = cloud;
  kept.known[index] = known;
  const own = {
    close: async () => {},
    addDevice: async (device: NewEntity) => {
      const credential = known.get(device.id) ?? (await cloud.addDevice(device));
      known.set(device.id, credential);
      return credential;
    },
  };
  return new Proxy(cloud, {
    get: (target, name) => {
      const value = name in own ? own[name as keyof typeof own] : Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
