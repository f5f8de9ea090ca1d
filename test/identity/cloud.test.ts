/** The identity beside the cloud, and both in one folder, as `motekey cloud start` has them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import * as oidc from "openid-client";
import { type Cloud, type CloudInFolder, startCloud, startCloudIn } from "../../host-sim/cloud/index.js";
import { compiled } from "../compiled.js";
import { ADA, discover } from "./client.js";

describe("a cloud with an identity", () => {
  it("has one that is asked for, and ends it with itself", async () => {
    const plain = await startCloud();
    assert.equal(plain.identity, null);
    await plain.close();
    for (const identity of [true, { users: [ADA] }]) {
      const cloud: Cloud = await startCloud({ identity });
      const issuer = cloud.identity?.issuer ?? assert.fail("no identity");
      const { issuer: told } = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()) as {
        issuer: string;
      };
      assert.equal(told, issuer);
      await cloud.close();
      await assert.rejects(fetch(issuer));
    }
  });

  it("starts and ends without a word on the console", async () => {
    const module = pathToFileURL(await compiled("host-sim/index.ts")).href;
    const script = `const { startIdentity } = await import(${JSON.stringify(module)});
      const identity = await startIdentity();
      await (await fetch(identity.issuer + "/device")).text();
      await identity.close();`;
    const words = ["--input-type=module", "--eval", script];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, words);
    assert.deepEqual([stdout, stderr], ["", ""]);
  });

  it("frees its ports when a part of it cannot start", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    await assert.rejects(startCloud({ port, identity: true }), /Cannot listen for MQTT/);
    await assert.rejects(startCloud({ identity: { port } }), /Cannot listen for the identity/);
    taken.close();
  });
});

describe("a cloud in a folder", () => {
  let parent: string;
  let folder: string;
  let running: CloudInFolder;

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "motekey-folder-"));
    folder = join(parent, "deep", "state");
    running = await startCloudIn(folder, { ports: { mqtt: 0, http: 0, identity: 0 } });
  });

  afterEach(async () => {
    await running.cloud.close();
    await rm(parent, { recursive: true });
  });

  const identity = () => running.cloud.identity ?? assert.fail("no identity");

  it("makes the folder for its owner only, and tells where everything is", async () => {
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.equal(running.folder, folder);
    assert.match(running.mqttUrl, /^mqtt:\/\/127\.0\.0\.1:\d+$/);
    assert.match(running.httpUrl, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(running.issuer, identity().issuer);
    assert.deepEqual([running.clientId, running.admin.username], ["motekey-cli", "admin"]);
  });

  it("admin logs in with the password of the first start, which is told no more at the second", async () => {
    const password = running.admin.password ?? assert.fail("no password");
    await running.cloud.addDevice({ id: "device_1" });
    await running.cloud.close();
    assert.deepEqual((await readdir(folder)).sort(), ["devices.json", "identity.json"]);
    running = await startCloudIn(folder, { ports: { mqtt: 0, http: 0, identity: 0 } });
    assert.equal(running.admin.password, null);
    await running.cloud.issueToken("device_1");
    const client = await discover(identity());
    await oidc.genericGrantRequest(client, "password", { username: "admin", password });
  });

  it("a folder that cannot be made is a clear error", async () => {
    const file = join(parent, "file");
    await writeFile(file, "");
    await assert.rejects(startCloudIn(join(file, "below")), /Cannot make the folder .*below; choose another/);
  });
});
