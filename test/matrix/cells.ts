import { type PolicyError, Status } from "../../firmware/index.js";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import {
  DeviceError,
  type DeviceTls,
  type SimulatedDevice,
  type StatusName,
  simulateDevice,
} from "../../host-sim/device.js";
import type { TransportName } from "../../host-sim/transports.js";

const HOST = "app.example.com";

/** How frames travel, by the names in the table. */
export const ROADS = {
  "MQTT 3.1.1": "mqtt",
  "MQTT 5": "mqtt5",
  "MQTT over WS": "mqtt+ws",
  "RPC over WS": "rpc+ws",
} as const satisfies Record<string, TransportName>;

/** The road of Espruino's own core, and the links that it has. */
export const LEAN_ROAD = "Espruino's core";
export const LEAN_LINKS = ["plain", "TLS", "mTLS"] as const satisfies readonly LinkName[];

/** What lies below them, by the names in the table: how the cloud's ports are served. */
export const LINKS = {
  plain: {},
  TLS: { tls: true },
  mTLS: { tls: { clientCertificates: "required" } },
  "TLS-PSK": { tls: { psk: true } },
} as const satisfies Record<string, CloudOptions>;

/** The modes of proof, each by itself. */
export const MODES = ["link", "password", "key", "digest", "counter", "mac", "auth5"] as const;

/** One of {@link ROADS}. */
export type RoadName = keyof typeof ROADS | typeof LEAN_ROAD;
/** One of {@link LINKS}. */
export type LinkName = keyof typeof LINKS;
/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number];

/** What came of one road, one link and one proof. */
export interface Cell {
  readonly transport: RoadName;
  readonly link: LinkName;
  readonly proof: Mode;
  /** `passes`: a token that the cloud takes, sealed where frames have a MAC and only there; `refused`: by the device's own policy, before it connects. */
  readonly outcome: "passes" | "refused" | "fails";
  readonly status: StatusName;
}

/** Those that prove each frame: a cloud asks for them where it leans on no connection's proof. */
const FRAME_MODES: readonly Mode[] = ["key", "digest", "mac"];

/** Runs every cell, one after the other. */
export async function runMatrix(): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const link of Object.keys(LINKS) as LinkName[]) {
    for (const requireFrameProof of [false, true]) {
      const modes = MODES.filter((mode) => FRAME_MODES.includes(mode) === requireFrameProof);
      const cloud = await startCloud({ ...LINKS[link], requireFrameProof });
      try {
        for (const [transport, name] of Object.entries(ROADS) as [RoadName, TransportName][]) {
          for (const proof of modes)
            cells.push({ transport, link, proof, ...(await runCell(cloud, name, link, proof)) });
        }
        if (!LEAN_LINKS.some((name) => name === link)) continue;
        for (const proof of modes)
          cells.push({
            transport: LEAN_ROAD,
            link,
            proof,
            ...(await runCell(cloud, "mqtt", link, proof, "espruino")),
          });
      } finally {
        await cloud.close();
      }
    }
  }
  return cells;
}

/** A new device of this cloud asks for a token. @param link that the cloud is served over */
export async function runCell(
  cloud: Cloud,
  transport: TransportName,
  link: LinkName,
  proof: Mode,
  core: "xs" | "espruino" = "xs",
): Promise<Pick<Cell, "outcome" | "status">> {
  const credential = await cloud.addDevice({
    id: `${core}-${transport}-${link}-${proof}`.replace(/[^\w-]/g, "-"),
  });
  const tls = await deviceTls(cloud, link, credential.id);
  const options = { core, cloud, ...credential, transport, proof, ...(tls === null ? {} : { tls }) };
  const seen: string[] = [];
  let device: SimulatedDevice;
  try {
    device = simulateDevice(options);
  } catch (error) {
    const { status } = error as PolicyError;
    if (status === undefined) throw error;
    return { outcome: "refused", status: Status[status] as StatusName };
  }
  const stop = cloud.on((event) => {
    if ("proof" in event && event.id === credential.id) seen.push(event.proof);
  });
  let isFirst = true;
  const failed = (): void => {
    isFirst = false;
  };
  device.next("WAITING").then(failed, () => {}); // rejected by close()
  try {
    const { token } = await device.host(HOST).getToken();
    const check = cloud.checkToken(token, HOST);
    const isOurs = check.active && check.sub === credential.id;
    // A token alone could have come by another proof, or after MQTT 5 had fallen back to 3.1.1.
    const isAsTold = isFirst && seen.includes(provedBy(proof, link));
    const { sealed } = device.explain();
    const isHidden = sealed === (proof === "mac");
    return { outcome: isOurs && isAsTold && isHidden ? "passes" : "fails", status: "OK" };
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return { outcome: "fails", status: error.status };
  } finally {
    stop();
    device.close();
  }
}

async function deviceTls(cloud: Cloud, link: LinkName, id: string): Promise<DeviceTls | null> {
  if (link === "plain") return null;
  if (link === "TLS-PSK") return { psk: true };
  return link === "mTLS" ? cloud.issueCertificate(id) : {};
}

/** What the cloud calls it. */
function provedBy(proof: Mode, link: LinkName): string {
  if (proof !== "link") return proof;
  return link === "TLS-PSK" ? "psk" : "certificate";
}
