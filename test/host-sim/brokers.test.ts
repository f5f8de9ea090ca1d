/**
 * Real brokers, started with exactly the samples that we ship: devices log in by certificate, the six methods pass,
 * and another device's attacks on ours come to nothing but what the samples say.
 */

import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import { type Cloud, type KeyPair, startCloud } from "../../host-sim/cloud/index.js";
import { type DeviceOptions, type SimulatedDevice, simulateDevice } from "../../host-sim/device.js";
import { Client } from "../cloud/client.js";
import { makePki, type Pki } from "../servers/pki.js";
import type { SampleBroker } from "../servers/rabbitmq.js";
import { BROKERS, DEVICE, KEYS, START_LIMIT_MS, THIEF } from "./sample-brokers.js";

const HOST = "app.example.com";
const PSK_SUITES = "TLS_AES_128_GCM_SHA256:ECDHE-PSK-CHACHA20-POLY1305";

for (const [name, { login, find, start, bindsClientIds, limitsPackets }] of Object.entries(BROKERS)) {
  describe(`${name} with our sample`, () => {
    let pki: Pki;
    let thiefPair: KeyPair;
    let cloudPair: KeyPair;
    let broker: SampleBroker;
    let cloud: Cloud;
    let closing: (() => unknown)[];

    before(async function () {
      this.timeout(START_LIMIT_MS);
      const program = find(this);
      pki = await makePki(DEVICE);
      thiefPair = await pki.ca.issue({ name: THIEF });
      cloudPair = await pki.ca.issue({ name: "cloud" });
      broker = await start(program, pki);
    });

    after(async function () {
      this.timeout(START_LIMIT_MS);
      await broker?.close();
    });

    beforeEach(async () => {
      closing = [];
      cloud = await attached();
    });

    /** A cloud that is a client of this broker. */
    async function attached(): Promise<Cloud> {
      const user = login === "password" ? `cloud:${KEYS.cloud}` : "cloud";
      const { cert: ca } = pki.ca;
      const started = await startCloud({
        broker: broker.url.replace("//", `//${user}@`),
        brokerTls: { certificate: { ca, ...cloudPair }, password: { ca }, psk: { psk: KEYS.cloud } }[login],
        topicsBound: true,
      });
      closing.push(() => started.close());
      await started.addDevice({ id: DEVICE, psk: KEYS[DEVICE] });
      await started.addDevice({ id: THIEF, psk: KEYS[THIEF] });
      return started;
    }

    afterEach(async () => {
      for (const close of closing.reverse()) await close();
    });

    /** A device that logs in as this broker asks for it. @param more in place of our own certificate, and beside it */
    function connect({ tls = pki.device.ec, ...more }: Partial<DeviceOptions> = {}): SimulatedDevice {
      const { cert: ca } = pki.ca;
      const device = simulateDevice({
        cloud: broker.url,
        id: DEVICE,
        psk: KEYS[DEVICE],
        tls: { certificate: { ca, ...tls }, password: { ca }, psk: { psk: true } }[login],
        limits: { backoffBaseMs: 20, backoffCapMs: 200 },
        ...more,
      });
      closing.push(() => device.close());
      return device;
    }

    const isGood = (token: string): boolean => cloud.checkToken(token, HOST).active;

    const proof = login === "password" ? "password" : "link";
    for (const frames of ["", "+mac"] as const) {
      const proofs = `${proof}${frames}` as const;
      it(`the four methods of a device pass (${proofs})`, async () => {
        const device = connect({ proof: proofs });
        const app = device.host(HOST);
        const first = await app.getToken();
        assert.equal((await app.getToken()).token, first.token);
        const second = await app.generateToken();
        assert.ok(isGood(first.token) && isGood(second.token));
        assert.deepEqual(await device.listTokens(), [HOST]);
        await app.revokeToken();
        assert.deepEqual([isGood(first.token), isGood(second.token)], [false, false]);
        const { connects, losses, macRefused, malformed } = device.auth.counters;
        assert.deepEqual([connects, losses, macRefused, malformed], [1, 0, 0, 0]);
      });

      it(`the two methods of a backend pass (${proofs})`, async () => {
        const backend = { id: THIEF, psk: KEYS[THIEF] };
        await cloud.addDevice({ ...backend, role: "backend" });
        const asked = connect({ ...backend, proof: proofs, tls: thiefPair });
        const verdict = (call: (onDone: (status: Status, value: boolean) => void) => Status) =>
          new Promise((resolve) => void call((status, value) => resolve([status, value])));
        const authenticate = (given: string) =>
          verdict((onDone) => asked.auth.authenticate(DEVICE, { psk: given }, onDone));
        assert.deepEqual(await authenticate(KEYS[DEVICE]), [Status.OK, true]);
        assert.deepEqual(await authenticate("a guess"), [Status.NOT_ALLOWED, false]);
        const authorize = (src: string) =>
          verdict((onDone) => asked.auth.authorizeCommand(src, DEVICE, "/v1/Reboot", onDone));
        assert.deepEqual(await authorize(THIEF), [Status.OK, true]);
        assert.deepEqual(await authorize("device_8"), [Status.NOT_ALLOWED, false]);
      });
    }

    it("CBOR frames pass", async () => {
      const device = connect({ encoding: "cbor" });
      const app = device.host(HOST);
      await app.generateToken();
      assert.ok(isGood((await app.generateToken()).token));
      assert.deepEqual(await device.listTokens(), [HOST]);
    });

    if (login === "certificate") certificates();
    else {
      it("another key is refused", async () => {
        const device = connect({ psk: "a guess" });
        await device.next("WAITING");
        assert.equal(device.explain().name, login === "psk" ? "TLS_PSK_REFUSED" : "NOT_AUTHORIZED");
      });
    }

    function certificates(): void {
      for (const keyType of ["rsa", "ec", "ed25519"] as const) {
        it(`a certificate with a key of type ${keyType} logs in`, async () => {
          const device = connect({ tls: pki.device[keyType] });
          assert.ok(isGood((await device.host(HOST).getToken()).token));
        });
      }

      for (const proof of ["link", "link+mac"] as const) {
        it(`over WebSocket a certificate logs in too (${proof})`, async () => {
          const device = connect({ cloud: broker.webUrl as string, transport: "mqtt+ws", proof });
          assert.ok(isGood((await device.host(HOST).getToken()).token));
          assert.deepEqual(await device.listTokens(), [HOST]);
        });
      }

      it("over WebSocket no certificate is refused as well", async () => {
        const cloud = broker.webUrl as string;
        const refused = connect({ cloud, transport: "mqtt+ws", proof: "mac", tls: {} });
        await refused.next("WAITING");
        assert.equal(refused.explain().name, "TLS_CLIENT_REFUSED");
      });

      it("no certificate, one of another CA and one that has expired: TLS_CLIENT_REFUSED", async () => {
        const refused = async (pair: Partial<KeyPair>): Promise<void> => {
          const device = connect({ proof: "mac", tls: pair });
          await device.next("WAITING");
          assert.equal(device.explain().name, "TLS_CLIENT_REFUSED");
          device.close();
        };
        for (const pair of [{}, pki.device.otherCa, pki.device.expired]) await refused(pair);
      });
    }

    describe(`another device, with a ${login} of its own,`, () => {
      let device: SimulatedDevice;

      beforeEach(async () => {
        device = connect();
        await device.ready();
      });

      async function open(id: string, clean: boolean): Promise<Client> {
        const { cert: ca } = pki.ca;
        const byPassword = { username: THIEF, password: KEYS[THIEF], tls: { ca } };
        const byKey = {
          ciphers: PSK_SUITES,
          pskCallback: () => ({ identity: THIEF, psk: Buffer.from(KEYS[THIEF]) }),
          checkServerIdentity: () => undefined,
        };
        const logins = {
          certificate: { tls: { ca, ...thiefPair } },
          password: byPassword,
          psk: { tls: byKey },
        };
        const client = await Client.open(broker.url, { id, clean, ...logins[login] });
        closing.push(() => client.close());
        return client;
      }

      async function thief(): Promise<Client> {
        const client = await open(THIEF, true);
        assert.equal(client.returnCode, 0);
        return client;
      }

      async function thiefReady(): Promise<Client> {
        const client = await thief();
        await client.subscribe(`${THIEF}/rpc/#`);
        return client;
      }

      /** What the broker makes of it: brokers drop what is forbidden, or the client with it. */
      async function attempt(attack: (client: Client) => unknown): Promise<void> {
        const client = await thief();
        const outcome = (async () => {
          await attack(client);
          await client.subscribe(`${THIEF}/rpc/#`);
          // Answered after all that came of what was sent before it.
          assert.equal((await client.call("/v1/Hello")).error, undefined);
        })();
        await Promise.race([outcome.catch(ignoreClosed), client.ended()]);
        assert.equal(client.unread, 0);
        client.close();
      }

      /** Nothing was taken, done or told in our name. */
      async function unharmed(): Promise<void> {
        const before = cloud.stats.tokens;
        assert.ok(isGood((await device.host(HOST).generateToken()).token));
        assert.equal(cloud.stats.tokens, before + 1);
        const { connects, losses, unknownIds, foreign, macRefused } = device.auth.counters;
        assert.deepEqual([connects, losses, unknownIds, foreign, macRefused], [1, 0, 0, 0, 0]);
      }

      const own = [`${DEVICE}/rpc/#`, `${DEVICE}/rpc-cbor`, `cloud/from/${DEVICE}/rpc`];
      for (const topic of [...own, "#", "+/rpc", "cloud/from/+/rpc", "cloud/from/+/rpc-cbor"]) {
        it(`that subscribes to ${topic} hears nothing of ours`, async () => {
          const client = await thief();
          const granted = client.subscribe(topic).catch(() => 128);
          await Promise.race([granted, client.ended()]);
          await unharmed();
          assert.equal(client.unread, 0);
        });
      }

      for (const retain of [false, true]) {
        it(`that publishes ${retain ? "and retains " : ""}on our topics is heard by nobody`, async () => {
          const request = {
            v: 2,
            src: DEVICE,
            id: 1,
            method: "/v1/Auth.GenerateToken",
            args: { host: HOST },
          };
          const forged = { v: 2, dst: DEVICE, id: 1, result: { token: "forged" } };
          await attempt((client) =>
            client.publish(`cloud/from/${DEVICE}/rpc`, JSON.stringify(request), retain),
          );
          await attempt((client) => client.publish(`${DEVICE}/rpc`, JSON.stringify(forged), retain));
          for (const topic of [`${DEVICE}/rpc/x`, `${DEVICE}/rpc-cbor`]) {
            await attempt((client) => client.publish(topic, JSON.stringify(forged), retain));
          }
          assert.equal(cloud.stats.requests["/v1/Auth.GenerateToken"], undefined);
          await unharmed();
        });
      }

      const internals = ["$SYS/#", "$MQTT/#", "$MQTT/sub/#", "$MQTT/sub/+", "$JS/#", "_INBOX/#", "+/sub/#"];
      it("that subscribes to the broker's own topics hears nothing", async () => {
        let client = await thief();
        let isOver = false;
        for (const topic of internals) {
          if (isOver) client = await thief();
          const asked = client.subscribe(topic).then(
            () => false,
            () => true,
          );
          isOver = await Promise.race([asked, client.ended().then(() => true)]);
          await unharmed();
          assert.equal(client.unread, 0, topic);
        }
      });

      it("that retains a request on its own topic has nothing carried out when the cloud starts", async () => {
        const args = { v: 2, src: THIEF, id: 1, method: "/v1/Auth.GenerateToken", args: { host: HOST } };
        const client = await thief();
        client.publish(`cloud/from/${THIEF}/rpc`, JSON.stringify(args), true);
        await Promise.race([client.subscribe(`${THIEF}/rpc/#`).catch(() => 128), client.ended()]);
        client.close();
        await cloud.close();
        cloud = await attached();
        assert.equal((await (await thiefReady()).call("/v1/Hello")).error, undefined);
        assert.equal(cloud.stats.tokens, 0);
        assert.equal(cloud.stats.requests["/v1/Auth.GenerateToken"], undefined);
      });

      it(`that sends 4 MB ${limitsPackets ? "is stopped by the broker" : "costs the cloud a connection"}`, async () => {
        const client = await thief();
        const lost = limitsPackets ? null : cloud.next("broker-lost");
        const back = limitsPackets ? null : cloud.next("broker-attached");
        client.send(Buffer.alloc(4_000_000, "x"));
        if (limitsPackets) await client.ended();
        await lost;
        await back;
        await unharmed();
        assert.equal(cloud.stats.dropped["packet-too-long"], limitsPackets ? undefined : 1);
      });

      it("that says on its own topic that it is us gets 403", async () => {
        const client = await thief();
        await client.subscribe(`${THIEF}/rpc/#`);
        const { error } = await client.call("/v1/Auth.GenerateToken", { host: HOST }, { src: DEVICE });
        assert.equal(error?.code, 403);
        await unharmed();
      });

      if (bindsClientIds) {
        it("that names our client id does not take our connection", async () => {
          await open(DEVICE, true);
          await unharmed();
        });

        if (login === "certificate") {
          it("nor does it over WebSocket", async () => {
            const cloud = broker.webUrl as string;
            const other = connect({ cloud, transport: "mqtt+ws", proof: "link", tls: thiefPair });
            await other.ready();
            await unharmed();
          });
        }
      } else {
        for (const clean of [true, false]) {
          it(`that names our client id ends our connection, gets nothing, and we come back (clean: ${clean})`, async () => {
            const lost = device.next("WAITING");
            const client = await open(DEVICE, clean);
            await lost;
            await Promise.race([client.subscribe(`${DEVICE}/rpc/#`).catch(() => 128), client.ended()]);
            await device.ready();
            assert.ok(isGood((await device.host(HOST).generateToken()).token));
            assert.equal(client.unread, 0);
          });
        }
      }
    });
  });
}

function ignoreClosed(failure: Error): void {
  if (failure.message !== "The connection is closed") throw failure;
}
