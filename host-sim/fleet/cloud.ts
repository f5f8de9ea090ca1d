import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./cloud-process.js", import.meta.url));

/** What the child process is told first. It comes over the channel, since arguments are everybody's to read. */
export interface FleetCloudOptions {
  /** So many devices are provisioned: `device_0`, `device_1` … */
  devices: number;
  /** `mqtt://user:password@host:port`: attach to this broker instead of embedding one. */
  broker?: string;
}

/** What the child answers. */
export type FleetCloudAnswer = { url: string; psks: string[] } | { failure: string };

/** A mock cloud in a process of its own, so that a fleet's memory and time are the devices' alone. */
export class FleetCloud {
  private constructor(
    private readonly child: ChildProcess,
    /** Where devices connect. */
    readonly url: string,
    private readonly psks: readonly string[],
  ) {}

  /** Starts the process and provisions the devices; rejects with what kept it from that. */
  static async start(options: FleetCloudOptions): Promise<FleetCloud> {
    const child = fork(CHILD, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const answered = once(child, "message") as Promise<[FleetCloudAnswer]>;
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`The cloud's process ended with ${code} before it was ready`);
    });
    child.send(options);
    const [answer] = await Promise.race([answered, ended]);
    if ("url" in answer) return new FleetCloud(child, answer.url, answer.psks);
    child.disconnect();
    throw new Error(answer.failure);
  }

  /** Identity and key of the device at this index. */
  credential(index: number): { id: string; psk: string } {
    const psk = this.psks[index];
    if (psk === undefined) throw new Error(`The fleet's cloud has no device ${index}; ask for more of them`);
    return { id: deviceId(index), psk };
  }

  /** Resolves when the process is gone. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, "exit");
    if (this.child.connected) this.child.disconnect();
    await exited;
  }
}

/** The id of the fleet's device at this index. */
export function deviceId(index: number): string {
  return `device_${index}`;
}
