/** The serial ports that boards come to and go from. */
import { existsSync } from "node:fs";
import { usage } from "../../cli/failure.js";
import { portText } from "../../serial/again.js";
import type { PortInfo, SerialPorts } from "../../serial/ports.js";

/** Chips with a USB port of their own leave at each reset, for about a second, and come back under another path. */
const ESPRESSIF = 0x303a;
/** Who was away longer was unplugged. */
const AWAY_MS = 3_000;

/** Gives each port once, and again when it was unplugged meanwhile: another board may be there. */
export class Stations {
  /** Those that were given, with when they were last seen. */
  private readonly given = new Map<string, number>();
  /** Those at which somebody works: they may leave and come back as they like. */
  private readonly busy = new Set<string>();

  /** @param names paths or serial numbers of USB devices; without any, every port of a USB device */
  constructor(
    private readonly ports: SerialPorts,
    private readonly names: readonly string[],
    private readonly now: () => number,
  ) {}

  /** The ports with boards that were not given yet. @throws Failure for a serial number of several */
  async come(): Promise<PortInfo[]> {
    const here = await this.here();
    const now = this.now();
    for (const port of here) {
      if (this.busy.has(keyOf(port))) continue;
      const seenAtMs = this.given.get(keyOf(port));
      if (seenAtMs !== undefined && now - seenAtMs < AWAY_MS) this.given.set(keyOf(port), now);
      else if (seenAtMs !== undefined) this.given.delete(keyOf(port));
    }
    return here.filter((port) => !this.given.has(keyOf(port)) && !this.busy.has(keyOf(port)));
  }

  /** Takes one: nobody else gets it. */
  take(port: PortInfo): void {
    this.busy.add(keyOf(port));
  }

  /** Its board is done with; what stays at the port is that board. */
  leave(port: PortInfo): void {
    this.busy.delete(keyOf(port));
    this.given.set(keyOf(port), this.now());
  }

  /** Those of the names that nothing is at. */
  async missing(): Promise<string[]> {
    const listed = await this.ports.list();
    return this.names.filter((name) => this.named(listed, name) === null);
  }

  private async here(): Promise<PortInfo[]> {
    const listed = await this.ports.list();
    if (this.names.length === 0) return listed.filter(({ usb }) => usb !== null);
    return this.names.flatMap((name) => this.named(listed, name) ?? []);
  }

  private named(listed: readonly PortInfo[], name: string): PortInfo | null {
    const found = listed.filter(({ path, usb }) => path === name || usb?.serialNumber === name);
    if (found.length > 1)
      throw usage(
        `${found.length} ports have the serial number ${name}: ${found.map(portText).join("; ")}.`,
        "Name them by their paths.",
      );
    const [one] = found;
    if (one !== undefined) return one;
    return name.startsWith("/") && existsSync(name) ? { path: name, usb: null } : null;
  }
}

const keyOf = ({ path, usb }: PortInfo): string =>
  usb?.vendorId === ESPRESSIF && usb.serialNumber !== null ? usb.serialNumber : path;
