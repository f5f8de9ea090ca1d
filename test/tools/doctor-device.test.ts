/** doctor's findings about the cloud and a device: real brokers, and the firmware's own words. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/index.js";
import { findMosquitto, startMosquitto, startSampleMosquitto } from "../servers/mosquitto.js";
import { makePki, type Pki } from "../servers/pki.js";
import { freePort } from "../servers/process.js";
import { findingsOf, found } from "./doctor.js";
import { World } from "./world.js";

const DEVICE = { id: "plug-1", psk: "canary-psk-0123456789abcdefghijklmnopqrstuv" };

describe("doctor --cloud", () => {
  let world: World;
  let closing: (() => unknown)[];
  let pki: Pki;

  before(async () => {
    pki = await makePki(DEVICE.id);
  });
  beforeEach(() => {
    world = new World();
    closing = [];
    writeFileSync(join(world.folder, "psk"), `${DEVICE.psk}\n`);
    writeFileSync(join(world.folder, "ca.pem"), pki.ca.cert);
    writeFileSync(join(world.folder, "other.pem"), pki.other.cert);
  });
  afterEach(async () => {
    for (const close of closing.reverse()) await close();
    world.end();
  });

  const doctor = (line: string) => world.line(`doctor --json ${line}`);
  const asDevice = (url: string, more = "--counter 1") =>
    doctor(`--cloud ${url} --device ${DEVICE.id} --psk-file psk ${more}`);

  async function start(options: CloudOptions = {}): Promise<Cloud> {
    const cloud = await startCloud(options);
    closing.push(() => cloud.close());
    return cloud;
  }

  describe("without a device", () => {
    it("that is there: no problem", async () => {
      const { mqttUrl } = await start();
      assert.equal((await doctor(`--cloud ${mqttUrl}`)).exit, 0);
    });

    it("that is down: cloud_refused", async () => {
      found(await doctor(`--cloud mqtt://127.0.0.1:${await freePort()}`), "cloud_refused");
    });

    it("whose name nobody knows: cloud_host_unknown", async () => {
      found(await doctor("--cloud mqtt://cloud.motekey.invalid"), "cloud_host_unknown");
    });

    it("that accepts and says nothing: cloud_timeout", async () => {
      const silent = createServer((socket) => closing.push(() => socket.destroy())).listen(0, "127.0.0.1");
      await once(silent, "listening");
      closing.push(() => silent.close());
      const { port } = silent.address() as AddressInfo;
      const { evidence } = found(await doctor(`--cloud mqtts://127.0.0.1:${port}`), "cloud_timeout");
      assert.equal(evidence.port, port);
    });

    it("of another CA: cloud_tls_ca; --ca names the right one", async () => {
      const { mqttUrl } = await start({ tls: pki.server.good });
      found(await doctor(`--cloud ${mqttUrl} --ca other.pem`), "cloud_tls_ca");
      assert.equal((await doctor(`--cloud ${mqttUrl} --ca ca.pem`)).exit, 0);
    });
  });

  describe("as a device", () => {
    it("that the cloud lets in and answers: no problem", async () => {
      const cloud = await start();
      await cloud.addDevice(DEVICE);
      const said = await asDevice(cloud.mqttUrl);
      const device = findingsOf(said).find(({ check }) => check === "device");
      assert.equal(device?.level, "ok", said.stdout);
      assert.match(device?.message ?? "", /answers plug-1\.$/);
      assert.ok(!said.stdout.includes("canary"));
    });

    it("over every transport: no problem", async () => {
      const cloud = await start();
      await cloud.addDevice(DEVICE);
      const urls = {
        mqtt5: cloud.mqttUrl,
        "mqtt+ws": cloud.wsUrl,
        "mqtt5+ws": cloud.wsUrl,
        "rpc+ws": cloud.rpcUrl,
      };
      let counter = 0;
      for (const [transport, url] of Object.entries(urls)) {
        counter += 10;
        const said = await asDevice(url, `--counter ${counter} --transport ${transport}`);
        assert.equal(said.exit, 0, transport + said.stdout);
      }
    });

    it("with a broker that is down: device_unreachable, the firmware's sentence and number", async () => {
      const said = await asDevice(`mqtt://127.0.0.1:${await freePort()}`);
      const { evidence, message, next } = found(said, "device_unreachable");
      assert.equal(message, "No connection could be opened.");
      assert.equal(next, "Check the network, and the cloud's host and port.");
      assert.equal(evidence.status, 11);
    });

    it("that nobody knows: refused, with the broker's code", async () => {
      const cloud = await start();
      const { evidence } = found(await asDevice(cloud.mqttUrl), "device_bad_credentials");
      assert.equal(evidence.peer_code, 4);
    });

    it("with another key: device_bad_credentials", async () => {
      const cloud = await start();
      await cloud.addDevice({ ...DEVICE, psk: "another-key-0123456789abcdefghijklmnopqrstuv" });
      found(await asDevice(cloud.mqttUrl), "device_bad_credentials");
    });

    it("with a counter that was used: device_bad_credentials, whose next step names the counter", async () => {
      const cloud = await start();
      await cloud.addDevice({ ...DEVICE, counter: 100 });
      assert.match(
        found(await asDevice(cloud.mqttUrl), "device_bad_credentials").next ?? "",
        /counter rises/,
      );
    });

    it("that is disabled: device_not_authorized", async () => {
      const cloud = await start();
      await cloud.addDevice(DEVICE);
      cloud.disable(DEVICE.id);
      found(await asDevice(cloud.mqttUrl), "device_not_authorized");
    });

    it("at mosquitto, which does not know it: device_not_authorized", async function () {
      const broker = await startMosquitto(findMosquitto(this), []);
      closing.push(() => broker.close());
      found(await asDevice(broker.url), "device_not_authorized");
    });

    it("at a broker without the Auth service: device_timeout", async function () {
      const users = [{ id: DEVICE.id, password: DEVICE.psk }];
      const tls = { server: pki.server.good, ca: pki.ca.cert, users };
      const broker = await startSampleMosquitto(findMosquitto(this), "passwords", tls);
      closing.push(() => broker.close());
      const { next } = found(await asDevice(broker.url, "--ca ca.pem"), "device_timeout");
      assert.match(next ?? "", /Check that it runs/);
    });

    const certificates: [name: keyof Pki["server"], reason: string][] = [
      ["otherCa", "device_tls_ca"],
      ["otherName", "device_tls_name"],
      ["expired", "device_tls_expired"],
      ["notYetValid", "device_tls_not_yet_valid"],
    ];
    for (const [name, reason] of certificates) {
      it(`with the server's certificate ${name}: ${reason}`, async () => {
        const cloud = await start({ tls: pki.server[name] });
        await cloud.addDevice(DEVICE);
        found(await asDevice(cloud.mqttUrl, "--ca ca.pem"), reason);
      });
    }

    it("whose cloud has another time: device_clock_wrong, with the seconds", async () => {
      const cloud = await start({ faults: { clockOffsetSeconds: 3600 } });
      await cloud.addDevice(DEVICE);
      const { clock_ahead_seconds } = found(await asDevice(cloud.mqttUrl), "device_clock_wrong").evidence;
      assert.ok(Math.abs(Number(clock_ahead_seconds) + 3600) <= 5, String(clock_ahead_seconds));
    });

    it("over TLS it needs no counter", async () => {
      const cloud = await start({ tls: pki.server.good });
      await cloud.addDevice(DEVICE);
      const said = await asDevice(cloud.mqttUrl, "--ca ca.pem");
      assert.equal(said.exit, 0, said.stdout);
    });
  });

  describe("as wrong usage", () => {
    const wrong: [line: string, told: RegExp][] = [
      ["--device plug-1", /--device needs its cloud/],
      ["--cloud mqtt://h --device plug-1", /--device needs its key/],
      ["--cloud mqtt://h --device plug-1 --psk-file psk", /Give --counter N/],
      [
        "--cloud mqtt://h --device plug-1 --psk-file nothing",
        /nothing cannot be read: there is no such file\./,
      ],
      ["--cloud http://h", /must be mqtt:\/\/host:port/],
      ["--cloud mqtt://user:canary@h", /without user and password/],
      ["--cloud mqtt://h --transport pigeon", /There is no transport 'pigeon'\..*mqtt5/],
      ["--cloud mqtt://h --device a/b --psk-file psk --counter 1", /letters, digits/],
      ["--status 9999", /There is no status '9999'/],
      ["--port 70000", /A port is a number/],
      ["--cloud mqtt://h --counter -1", /A counter is a whole number/],
    ];
    for (const [line, told] of wrong) {
      it(`'${line}' is refused before anything is tried`, async () => {
        const { exit, stdout, stderr } = await doctor(line);
        assert.equal(exit, 2);
        assert.equal(stdout, "");
        assert.match(JSON.stringify(JSON.parse(stderr).error), told);
        assert.ok(!stderr.includes("canary"));
      });
    }
  });

  for (const status of ["23", "BAD_CREDENTIALS", "bad_credentials"]) {
    it(`--status ${status} explains what a device told`, async () => {
      const { evidence, next } = found(await doctor(`--status ${status}`), "device_bad_credentials");
      assert.deepEqual(evidence, { status: 23, name: "BAD_CREDENTIALS" });
      assert.match(next ?? "", /compare its key/);
    });
  }
});
