/**
 * Real brokers, started with exactly the samples that we ship: devices log in by certificate, the six methods pass,
 * and another device's attacks on ours come to nothing but what the samples say.
 */
import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import { type Cloud, type KeyPair, startCloud } from "../../host-sim/cloud/index.js";
import { type DeviceOptions, type SimulatedDevice, simulateDevice } from "../../host-sim/device.js";
import { Client } from "../cloud/client.js";
import { findMosquitto, startSampleMosquitto } from "../servers/mosquitto.js";
import { findNats, startNats } from "../servers/nats.js";
import { makePki, type Pki } from "../servers/pki.js";
import { findRabbitmq, type SampleBroker, startRabbitmq } from "../servers/rabbitmq.js";

const DEVICE = "device_123";
const THIEF = "device_9";
const HOST = "app.example.com";
/** Their passwords, or keys for TLS-PSK. */
const KEYS = { cloud: "the-cloud's-key", [DEVICE]: "the-device's-key", [THIEF]: "the-thief's-key" };
const USERS = Object.entries(KEYS).map(([id, password]) => ({ id, password }));
const PSK_SUITES = "TLS_AES_128_GCM_SHA256:ECDHE-PSK-CHACHA20-POLY1305";
const START_LIMIT_MS = 180_000;

type Login = "certificate" | "password" | "psk";

interface Kind {
  login: Login;
  find: (context: Mocha.Context) => string;
  start: (program: string, pki: Pki) => Promise<SampleBroker>;
  /** A client id belongs to one user: nobody else's connection ends that of its owner. */
  bindsClientIds: boolean;
}

const BROKERS: Readonly<Record<string, Kind>> = {
  "mosquitto (passwords)": {
    login: "password",
    find: findMosquitto,
    start: (program, { server, ca }) =>
      startSampleMosquitto(program, "passwords", { server: server.good, ca: ca.cert, users: USERS }),
    bindsClientIds: true,
  },
  "mosquitto (TLS-PSK)": {
    login: "psk",
    find: findMosquitto,
    start: (program) => startSampleMosquitto(program, "psk", { users: USERS }),
    bindsClientIds: true,
  },
  mosquitto: {
    login: "certificate",
    find: findMosquitto,
    start: (program, { server, ca, crl }) =>
      startSampleMosquitto(program, "certificates", { server: server.good, ca: ca.cert, crl }),
    bindsClientIds: true,
  },
  RabbitMQ: {
    login: "certificate",
    find: findRabbitmq,
    start: (program, { server, ca }) => startRabbitmq(program, server.good, ca.cert),
    bindsClientIds: false,
  },
  NATS: {
    login: "certificate",
    find: findNats,
    start: (program, { server, ca }) => startNats(program, server.good, ca.cert),
    bindsClientIds: false,
  },
};

for (const [name, { login, find, start, bindsClientIds }] of Object.entries(BROKERS)) {
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
      const user = login === "password" ? `cloud:${KEYS.cloud}` : "cloud";
      const { cert: ca } = pki.ca;
      cloud = await startCloud({
        broker: broker.url.replace("//", `//${user}@`),
        brokerTls: { certificate: { ca, ...cloudPair }, password: { ca }, psk: { psk: KEYS.cloud } }[login],
        topicsBound: true,
      });
      closing.push(() => cloud.close());
      await cloud.addDevice({ id: DEVICE, psk: KEYS[DEVICE] });
      await cloud.addDevice({ id: THIEF, psk: KEYS[THIEF] });
    });

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

    if (name === "RabbitMQ") {
      it("listens with TLS only", () => {
        const listening = (broker.said ?? []).filter((line) => /listen(er on|ing for)/.test(line));
        assert.ok(listening.length >= 2, "MQTT and its WebSocket are told");
        assert.deepEqual(
          listening.filter((line) => !/TLS|HTTPS/.test(line)),
          [],
        );
      });
    }

    if (login === "certificate") certificates();
    else {
      it("another key is refused", async () => {
        const device = connect({ psk: "a guess" });
        await device.next("WAITING");
        assert.equal(device.auth.explain().name, login === "psk" ? "TLS_PSK_REFUSED" : "NOT_AUTHORIZED");
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
        assert.equal(refused.auth.explain().name, "TLS_CLIENT_REFUSED");
      });

      it("no certificate, one of another CA and one that has expired: TLS_CLIENT_REFUSED", async () => {
        const refused = async (pair: Partial<KeyPair>): Promise<void> => {
          const device = connect({ proof: "mac", tls: pair });
          await device.next("WAITING");
          assert.equal(device.auth.explain().name, "TLS_CLIENT_REFUSED");
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
