/** A bench from an empty folder: a cloud in a process of its own, and the command line as people start it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuth, type Status } from "../../../firmware/index.js";
import { Rotation } from "../../../firmware/rotation.js";
import { nodePorts } from "../../../host-sim/index.js";
import { PartitionStore } from "../../../tools/device/provision.js";
import { Partition } from "../../../tools/nvs/partition.js";
import { good } from "../acme.js";
import { newIdentity } from "../age.js";
import { MOTEKEY, type ProcessOptions, runProcess } from "../process.js";
import type { Said } from "../world.js";

const SEED = {
  organizations: [{ name: "Acme Corp" }],
  users: [
    {
      username: "ann",
      password: "canary-password",
      memberships: [{ organization: "Acme Corp", role: "developer" }],
    },
  ],
};

export class Bench {
  private constructor(
    readonly folder: string,
    readonly env: Record<string, string>,
    private readonly cloud: ChildProcess,
    private readonly mqttPort: number,
  ) {}

  /** Starts the cloud, on a folder of its own, and makes an age identity: identity.txt, recipients.txt. */
  static async open(): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), "motekey-bench-"));
    const words =
      "cloud start --folder cloud --mqtt-port 0 --http-port 0 --identity-port 0 --json --seed seed.json";
    writeFileSync(join(folder, "seed.json"), JSON.stringify(SEED), { mode: 0o600 });
    const cloud = spawn(process.execPath, [MOTEKEY, ...words.split(" ")], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env.PATH ?? "", HOME: folder },
    });
    let told = "";
    while (!told.includes("}")) told += (await once(cloud.stdout, "data"))[0];
    const { mqtt, http, issuer } = JSON.parse(told);
    const { identity: key, recipient } = newIdentity();
    writeFileSync(join(folder, "identity.txt"), `${key}\n`, { mode: 0o600 });
    writeFileSync(join(folder, "recipients.txt"), `${recipient}\n`);
    const config = join(folder, "config.json");
    const env = { MOTEKEY_CONFIG_PATH: config, MOTEKEY_CLOUD: http, MOTEKEY_ISSUER: issuer };
    return new Bench(folder, env, cloud, Number(new URL(mqtt).port));
  }

  async close(): Promise<void> {
    const ended = once(this.cloud, "exit");
    this.cloud.kill("SIGINT");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  run(line: string, options: ProcessOptions = {}): Promise<Said> {
    return runProcess(line.split(" "), { env: this.env, directory: this.folder, ...options });
  }

  /** Logs ann in. */
  async login(): Promise<Said> {
    return good(await this.run("auth login --username ann --insecure-storage", { input: "canary-password" }));
  }

  async json(line: string) {
    return JSON.parse(good(await this.run(`${line} --json`)).stdout);
  }

  /** The bench's page, in a process of its own; its address, and what ends it. */
  async serve(): Promise<{ url: string; close(): Promise<void> }> {
    const child = spawn(process.execPath, [MOTEKEY, "device", "serve", "--http-port", "0", "--json"], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env.PATH ?? "", HOME: this.folder, ...this.env },
    });
    const ended = once(child, "exit");
    let told = "";
    while (!told.includes("}")) told += (await once(child.stdout, "data"))[0];
    const { url } = JSON.parse(told);
    const close = async (): Promise<void> => {
      child.kill("SIGINT");
      await ended;
    };
    return { url, close };
  }

  partition(name: string): Partition {
    return Partition.read(readFileSync(this.path(name)));
  }

  /** Boots the firmware from an image; the status of its call for a token. */
  async boot(partition: Partition): Promise<Status> {
    const device = this.start(partition);
    try {
      return await device.token();
    } finally {
      device.close();
    }
  }

  /** The same, and the device stays on: each token that it gets is a new one. */
  start(partition: Partition): { token(): Promise<Status>; rotation: Rotation; close(): void } {
    const ports = { ...nodePorts(), store: new PartitionStore(partition) };
    const rotation = new Rotation();
    const auth = createAuth({ cloud: { host: "127.0.0.1", port: this.mqttPort }, rotation }, ports);
    return {
      token: () =>
        new Promise((resolve) => auth.host("app.example.com").generateToken((status) => resolve(status))),
      rotation,
      close: () => auth.close(),
    };
  }
}
