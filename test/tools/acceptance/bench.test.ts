/** The bench from an empty folder: processes as people start them, up to a device online, and to one that is barred. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuth, Status } from "../../../firmware/index.js";
import { nodePorts } from "../../../host-sim/index.js";
import { PartitionStore } from "../../../tools/device/provision.js";
import { Partition } from "../../../tools/nvs/partition.js";
import { stringValue, textOf } from "../../../tools/nvs/value.js";
import { good } from "../acme.js";
import { newIdentity } from "../age.js";
import { MOTEKEY, needProgram, runProcess } from "../process.js";

describe("acceptance: the bench", () => {
  let folder: string;
  let cloud: ChildProcess;
  let env: Record<string, string>;
  let mqttPort: number;

  before(async function () {
    needProgram(this, "age", "age");
    folder = mkdtempSync(join(tmpdir(), "motekey-bench-"));
    const words =
      "cloud start --folder cloud --mqtt-port 0 --http-port 0 --identity-port 0 --json --seed seed.json";
    writeFileSync(join(folder, "seed.json"), JSON.stringify(SEED), { mode: 0o600 });
    cloud = spawn(process.execPath, [MOTEKEY, ...words.split(" ")], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env.PATH ?? "", HOME: folder },
    });
    let told = "";
    while (!told.includes("}")) told += (await once(cloud.stdout as NodeJS.ReadableStream, "data"))[0];
    const { mqtt, http, issuer } = JSON.parse(told);
    mqttPort = Number(new URL(mqtt).port);
    env = { MOTEKEY_CONFIG_PATH: join(folder, "config.json"), MOTEKEY_CLOUD: http, MOTEKEY_ISSUER: issuer };
    const { identity: key, recipient } = newIdentity();
    writeFileSync(join(folder, "identity.txt"), `${key}\n`, { mode: 0o600 });
    writeFileSync(join(folder, "recipients.txt"), `${recipient}\n`);
  });
  after(async () => {
    const ended = once(cloud, "exit");
    cloud?.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

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
  const run = (line: string, input = "") => runProcess(line.split(" "), { env, directory: folder, input });
  const json = async (line: string) => JSON.parse(good(await run(`${line} --json`)).stdout);
  const partition = (name: string): Partition => Partition.read(readFileSync(join(folder, name)));

  /** Boots the firmware from an image; the status of its call for a token. */
  async function boot(name: string): Promise<Status> {
    const store = new PartitionStore(partition(name));
    const auth = createAuth({ cloud: { host: "127.0.0.1", port: mqttPort } }, { ...nodePorts(), store });
    try {
      return await new Promise((resolve) =>
        auth.host("app.example.com").getToken((status) => resolve(status)),
      );
    } finally {
      auth.close();
    }
  }

  it("login, an authority, a device, its image: the firmware boots from it and gets a token", async () => {
    good(await run("auth login --username ann --insecure-storage", "canary-password"));
    await json("ca create --name Acme --recipients-file recipients.txt");
    const made = await json("device create --id device_1");
    await json(
      `device image --id device_1 --psk-file ${made.psk_file} --counter ${made.counter} --out nvs.bin`,
    );
    assert.equal(await boot("nvs.bin"), Status.OK);
    const { cert_file } = await json("device create --id device_2 --cert rsa --identity-file identity.txt");
    assert.match(readFileSync(join(folder, cert_file), "latin1"), /^-----BEGIN CERTIFICATE-----/);
  });

  it("a merge keeps what another app has in the partition, byte for byte", async () => {
    const before = partition("nvs.bin");
    before.set("other-app", "name", stringValue("thermometer"));
    writeFileSync(join(folder, "read.bin"), before.toBytes());
    const { counter } = await json("device show device_1");
    const files = "--psk-file device_1.psk --merge read.bin --out merged.bin";
    await json(`device image --id device_1 ${files} --counter ${counter}`);
    assert.equal(textOf(partition("merged.bin").get("other-app", "name") ?? assert.fail()), "thermometer");
    assert.equal(await boot("merged.bin"), Status.OK);
  });

  it("a batch that is killed goes on, and its devices are let in; a revoked one is not", async () => {
    const ids = Array.from({ length: 300 }, (_, i) => `lot_${i}`);
    writeFileSync(join(folder, "lot.csv"), `id\n${ids.join("\n")}\n`);
    const killed = await runProcess("device batch lot.csv --out lot".split(" "), {
      env,
      directory: folder,
      started: (child) => {
        const look = setInterval(
          () => hasFile(join(folder, "lot", "lot_20.bin")) && child.kill("SIGKILL"),
          2,
        );
        child.once("exit", () => clearInterval(look));
      },
    });
    assert.ok([-1, 0].includes(killed.exit), killed.stderr);
    const answer = await json("device batch lot.csv --out lot");
    assert.deepEqual([answer.made + answer.before, answer.refused, answer.checked], [300, 0, 300]);
    assert.equal((await json("device audit verify lot/batch.jsonl")).head, answer.log_head);
    assert.equal(await boot("lot/lot_299.bin"), Status.OK);
    await json("device revoke lot_7 --force");
    assert.notEqual(await boot("lot/lot_7.bin"), Status.OK);
  });

  function hasFile(path: string): boolean {
    try {
      return readFileSync(path).length > 0;
    } catch {
      return false;
    }
  }
});
