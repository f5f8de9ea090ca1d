import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { checkOptions } from "../cloud/options.js";
import {
  type Credential,
  FLEET_CLOUD_OPTIONS,
  type FleetCloudAnswer,
  type FleetCloudNews,
  type FleetCloudOptions,
} from "./provisioning.js";

const CHILD = fileURLToPath(new URL("./cloud-process.js", import.meta.url));

/** A mock cloud in a process of its own, so that a fleet's memory and time are the devices' alone. */
export class FleetCloud {
  private constructor(
    private readonly child: ChildProcess,
    /** Where devices connect. */
    readonly url: string,
    private readonly credentials: readonly Credential[],
  ) {}

  /** Starts the process and provisions the devices; rejects with what kept it from that. */
  static async start(options: FleetCloudOptions): Promise<FleetCloud> {
    checkOptions("", options, FLEET_CLOUD_OPTIONS);
    const child = fork(CHILD, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const answered = once(child, "message") as Promise<[FleetCloudAnswer]>;
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`The cloud's process ended with ${code} before it was ready`);
    });
    child.send(options);
    const [answer] = await Promise.race([answered, ended]);
    if ("url" in answer) return new FleetCloud(child, answer.url, answer.credentials);
    child.disconnect();
    throw new Error(answer.failure);
  }

  /** Called when the cloud loses its broker, and with null when it is back. */
  onTrouble(told: (trouble: string | null) => void): void {
    this.child.on("message", ({ trouble }: FleetCloudNews) => told(trouble));
  }

  /** Identity and key of the device at this index. */
  credential(index: number): Credential {
    const credential = this.credentials[index];
    if (credential === undefined)
      throw new Error(`The fleet's cloud has no device ${index}; ask for more of them`);
    return credential;
  }

  /** Resolves when the process is gone. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, "exit");
    if (this.child.connected) this.child.disconnect();
    await exited;
  }
}
