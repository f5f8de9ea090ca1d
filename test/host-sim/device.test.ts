import assert from "node:assert/strict";
import type { LimitOptions } from "../../firmware/index.js";
import {
  type Cloud,
  type CloudOptions,
  DeviceError,
  type DeviceOptions,
  nodePorts,
  type SimulatedDevice,
  simulateDevice,
  startCloud,
} from "../../host-sim/index.js";

import { FakeBroker } from "./fake-broker.js";
import { SteadyClock } from "./steady-clock.js";

const ID = "device_123";
const PSK = "correct horse";
const HOST = "app.example.com";
/** Calls of tests that end without an answer, in a time that stands still while this process does. */
const short = (limits: LimitOptions = {}) => ({
  limits: { callDeadlineMs: 200, callAttemptMs: 100, ...limits },
  ports: { ...nodePorts(), clock: new SteadyClock() },
});

for (const core of ["xs", "espruino"] as const) {
  describe(`a simulated device with the core of ${core === "xs" ? "XS and Node" : "Espruino"}`, () => {
    const isLean = core === "espruino";
    let cloud: Cloud;
    let device: SimulatedDevice;

    afterEach(async () => {
      device?.close();
      await cloud?.close();
    });

    async function start(
      options: Partial<DeviceOptions> = {},
      cloudOptions: CloudOptions = {},
    ): Promise<void> {
      cloud = await startCloud(cloudOptions);
      await cloud.addDevice({ id: ID, psk: PSK });
      device = simulateDevice({ core, cloud, id: ID, psk: PSK, ...options });
    }

    for (const token of ['tab\tq"b\\s', "a/b+c=", "gr\u00fc\u00df", "\u{1f600}"]) {
      it(`tells a token as the cloud said it: ${JSON.stringify(token)}`, async () => {
        const broker = await FakeBroker.start((packet) => {
          if (packet.cmd === "connect")
            return { cmd: "connack", reasonCode: 0, returnCode: 0, sessionPresent: false };
          if (packet.cmd === "subscribe")
            return { cmd: "suback", messageId: packet.messageId ?? 0, granted: [1] };
          if (packet.cmd !== "publish") return undefined;
          const { id } = JSON.parse(String(packet.payload)) as { id: number };
          const payload = JSON.stringify({ v: 2, id, result: { token } });
          return { cmd: "publish", topic: `${ID}/rpc`, payload, qos: 0, dup: false, retain: false };
        });
        device = simulateDevice({
          cloud: `mqtt://127.0.0.1:${broker.port}`,
          core,
          transport: isLean ? "mqtt" : "mqtt5",
          id: ID,
          psk: PSK,
          proof: "password",
          allowInsecure: true,
        });
        assert.equal((await device.host(HOST).getToken()).token, token);
        broker.close();
      });
    }

    const endsWith = (status: string, word: RegExp) => (failure: unknown) => {
      assert.ok(failure instanceof DeviceError);
      assert.equal(failure.status, status);
      assert.match(failure.message, word);
      return true;
    };

    it("has a token that the cloud takes, with its number and its end", async () => {
      await start({}, { tokens: { lifetimeSeconds: 600 } });
      const { token, generation, expiresInMs } = await device.host(HOST).getToken();
      assert.equal(cloud.checkToken(token, HOST).active, true);
      assert.equal(generation, 1);
      assert.ok(expiresInMs > 590_000 && expiresInMs <= 600_000, `${expiresInMs} ms`);
    });

    it("answers from memory without a word to the cloud", async () => {
      await start();
      const first = await device.host(HOST).getToken();
      const requests = { ...cloud.stats.requests };
      const second = await device.host(HOST).getToken();
      assert.deepEqual([second.token, second.generation], [first.token, first.generation]);
      assert.deepEqual(cloud.stats.requests, requests);
    });

    it("has a new token for generateToken, and none after revokeToken", async () => {
      await start();
      const first = await device.host(HOST).getToken();
      const second = await device.host(HOST).generateToken();
      assert.equal(second.generation, 2);
      assert.notEqual(second.token, first.token);
      assert.deepEqual(await device.listTokens(), [HOST]);
      await device.host(HOST).revokeToken();
      assert.deepEqual(await device.listTokens(), []);
      for (const { token } of [first, second])
        assert.deepEqual(cloud.checkToken(token, HOST), { active: false });
    });

    it("tells whether a refused token is the present one", async () => {
      await start();
      const host = device.host(HOST);
      const { generation } = await host.getToken();
      assert.equal(host.rejected(generation + 1), "STALE");
      assert.equal(host.rejected(generation), "OK");
      assert.equal((await host.getToken()).generation, generation + 1);
    });

    it("gives one handle per host", async () => {
      await start();
      assert.equal(device.host(HOST), device.host(HOST));
      assert.notEqual(device.host(HOST), device.host("other.example.com"));
    });

    const proofs = ["counter+mac", "mac", "counter", "digest", "password", "password+key"] as const;
    for (const proof of proofs.filter((name) => !isLean || name !== "digest")) {
      for (const pipeline of [true, false]) {
        it(`gets its token by ${proof}, ${pipeline ? "pipelined" : "step by step"}`, async () => {
          await start({ proof, pipeline, allowInsecure: true }, { requireFrameProof: false });
          const { token } = await device.host(HOST).getToken();
          assert.equal(cloud.checkToken(token, HOST).active, true);
        });
      }
    }

    it("finds the cloud by its URL too, and connects again under a counter that rose", async () => {
      await start({ counter: 1 });
      await device.ready();
      device.close();
      device = simulateDevice({ core, cloud: cloud.mqttUrl, id: ID, psk: PSK });
      await device.ready();
      assert.deepEqual(cloud.stats.connectsRefused, {});
    });

    it("tells its states: on its way, READY, lost and READY again, CLOSED", async () => {
      await start({ limits: { backoffBaseMs: 1 } });
      assert.equal(device.state, "WAITING");
      await device.next("CONNECTING");
      await device.ready();
      assert.equal(device.state, "READY");
      await device.ready();
      // With so short a backoff WAITING may be over within the turn: CONNECTING is always told.
      const [lost, back] = [device.next("CONNECTING"), device.next("READY")];
      cloud.kick(ID);
      await lost;
      await back;
      const closed = device.next("CLOSED");
      device.close();
      device.close();
      await closed;
      assert.equal(device.state, "CLOSED");
    });

    it("says after the limit what keeps it from a state", async () => {
      await start({ psk: "battery staple" });
      await device.next("WAITING");
      await assert.rejects(device.ready(30), endsWith("BAD_CREDENTIALS", /was not READY within 30 ms/));
    });

    it("ends waiting for a state when it is closed", async () => {
      await start();
      const suspended = device.next("SUSPENDED");
      device.close();
      await assert.rejects(suspended, endsWith("CLOSED", /waited to be SUSPENDED/));
    });

    it("rejects with the status and a sentence: no answer, too many callers", async () => {
      await start(short({ waiters: 1 }));
      await device.ready();
      cloud.faults.dropRequests = true;
      const first = device.host(HOST).getToken();
      await assert.rejects(device.host(HOST).getToken(), endsWith("BUSY", /limits\.waiters/));
      await assert.rejects(
        first,
        endsWith("TIMEOUT", /^getToken for app\.example\.com: TIMEOUT\. The cloud/),
      );
    });

    it("rejects with the status and a sentence: a refusal", async () => {
      await start();
      cloud.faults.error = { code: 403, when: true };
      await assert.rejects(device.listTokens(), endsWith("FORBIDDEN", /^listTokens: FORBIDDEN\. /));
    });

    it("rejects all calls when it is closed, and those after", async () => {
      await start();
      const calls = [device.host(HOST).getToken(), device.host(HOST).revokeToken(), device.listTokens()];
      device.close();
      for (const call of [...calls, device.host(HOST).generateToken()]) {
        await assert.rejects(call, endsWith("CLOSED", /make a new one/));
      }
    });

    it("says no secret in its errors", async () => {
      await start(short());
      await device.ready();
      cloud.faults.dropRequests = true;
      await assert.rejects(device.host(HOST).getToken(), (failure: Error) => {
        assert.doesNotMatch(`${failure.stack}${JSON.stringify(failure)}`, new RegExp(PSK));
        return true;
      });
    });

    it("takes ports of the caller's", async () => {
      const ports = nodePorts();
      let filled = 0;
      const entropy = {
        fill(bytes: Uint8Array, from: number, to: number): void {
          filled += to - from;
          ports.entropy.fill(bytes, from, to);
        },
      };
      await start({ ports: { ...ports, entropy } });
      await device.ready();
      assert.ok(filled >= 16, `${filled} random bytes`);
    });

    const itLean = isLean ? it : () => {};
    itLean("refuses what its core has not", () => {
      const given = { core, cloud: "mqtt://127.0.0.1:1883", id: ID, psk: PSK };
      assert.throws(() => simulateDevice({ ...given, transport: "mqtt5" }), /has no transport/);
      assert.throws(() => simulateDevice({ ...given, encoding: "cbor" }), /has no encoding/);
      assert.throws(() => simulateDevice({ ...given, proof: "digest" }), /proof digest, status/);
      const secure = { ...given, cloud: "mqtts://127.0.0.1:8883" };
      assert.throws(() => simulateDevice({ ...secure, tls: { psk: true } }), /tls\.psk is nothing/);
    });

    for (const url of ["mqtt://user:pw@host", "mqtts://user:pw@host", "http://host", "host:1883", ""]) {
      it(`refuses the address ${JSON.stringify(url)}`, () => {
        assert.throws(() => simulateDevice({ cloud: url, id: ID, psk: PSK }), /must be mqtt:\/\/host:port/);
      });
    }
  });
}
