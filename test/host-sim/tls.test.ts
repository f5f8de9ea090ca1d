/** The firmware over TLS: to the mock cloud and to mosquitto, each handshake that succeeds and each that fails. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { useFakeTimers } from "sinon";
import { startCloud } from "../../host-sim/cloud/index.js";
import {
  type DeviceOptions,
  type DeviceTls,
  type SimulatedDevice,
  type StatusName,
  simulateDevice,
} from "../../host-sim/device.js";
import { TlsLink, type TlsOptions } from "../../host-sim/node/tls-link.js";
import { makeChain } from "../servers/chain.js";
import { findMosquitto, startSampleMosquitto } from "../servers/mosquitto.js";
import { makePki, type Pki } from "../servers/pki.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;

/** What a server shows and asks for. */
interface Setup {
  cert: keyof Pki["server"];
  /** What it asks devices for. */
  asks: "certificate" | "password" | "psk";
}

interface Server {
  url: string;
  close(): Promise<void>;
}

/** A handshake, and what comes of it: "READY", or the status that `explain()` tells. */
interface Row {
  what: string;
  setup: Setup;
  device: (pki: Pki) => Partial<DeviceOptions>;
  outcome: "READY" | StatusName;
}

const row = (
  what: string,
  cert: Setup["cert"],
  asks: Setup["asks"],
  outcome: Row["outcome"],
  tls: (pki: Pki) => DeviceTls,
  more: Partial<DeviceOptions> = {},
): Row => ({ what, setup: { cert, asks }, outcome, device: (pki) => ({ tls: tls(pki), ...more }) });

const password = { proof: "password", allowInsecure: true } as const;
const trusting = ({ ca }: Pki): DeviceTls => ({ ca: ca.cert });
const showing =
  (name: keyof Pki["device"]) =>
  ({ ca, device }: Pki): DeviceTls => ({ ca: ca.cert, ...device[name] });
const bySharedKey = (): DeviceTls => ({ psk: true });

// biome-ignore format: a table
const ROWS: Row[] = [
  row("a server that the device's CA vouches for", "good", "password", "READY", trusting, password),
  row("a device's RSA certificate", "good", "certificate", "READY", showing("rsa")),
  row("a device's EC certificate", "good", "certificate", "READY", showing("ec")),
  row("a device's Ed25519 certificate", "good", "certificate", "READY", showing("ed25519")),
  row("a key that both have", "good", "psk", "READY", bySharedKey),
  row("a list of revoked certificates without the server's", "good", "password", "READY",
    ({ ca, crl }) => ({ ca: ca.cert, crl }), password),
  row("two trust anchors, the old CA's server", "good", "password", "READY",
    ({ ca, other }) => ({ ca: [ca.cert, other.cert] }), password),
  row("two trust anchors, the new CA's server", "otherCa", "password", "READY",
    ({ ca, other }) => ({ ca: [ca.cert, other.cert] }), password),
  row("another name that was asked for", "otherName", "password", "READY",
    ({ ca }) => ({ ca: ca.cert, servername: "broker.example.com" }), password),
  row("any server, as told", "expired", "password", "READY", () => ({ rejectUnauthorized: false }), password),

  row("a server of another CA", "otherCa", "password", "TLS_CA", trusting, password),
  row("a CA that Node does not know", "good", "password", "TLS_CA", () => ({}), password),
  row("a server of another name", "otherName", "password", "TLS_NAME", trusting, password),
  row("an expired server", "expired", "password", "TLS_EXPIRED", trusting, password),
  row("a server of tomorrow", "notYetValid", "password", "TLS_NOT_YET_VALID", trusting, password),
  row("a revoked server", "revoked", "password", "TLS_REVOKED", ({ ca, crl }) => ({ ca: ca.cert, crl }), password),
  row("a list that is out of date", "good", "password", "TLS_CRL",
    ({ ca, oldCrl }) => ({ ca: ca.cert, crl: oldCrl }), password),
  row("a CA without a list", "otherCa", "password", "TLS_CRL",
    ({ ca, other, crl }) => ({ ca: [ca.cert, other.cert], crl }), password),

  row("no certificate where one is asked for", "good", "certificate", "TLS_CLIENT_REFUSED", trusting),
  row("a device of another CA", "good", "certificate", "TLS_CLIENT_REFUSED", showing("otherCa")),
  row("an expired device", "good", "certificate", "TLS_CLIENT_REFUSED", showing("expired")),
  row("a revoked device", "good", "certificate", "TLS_CLIENT_REFUSED", showing("revoked")),

  row("another key", "good", "psk", "TLS_PSK_REFUSED", bySharedKey, { psk: "another key" }),
  row("an identity that nobody knows", "good", "psk", "TLS_PSK_REFUSED", bySharedKey, { id: "device_9" }),
  row("TLS-PSK where there are certificates", "good", "password", "TLS_PSK_REFUSED", bySharedKey),
  row("certificates where there is TLS-PSK", "good", "psk", "TLS_FAILED", trusting),
];

/** What each sentence must say to do. */
const NEXT_STEP: Partial<Record<StatusName, RegExp>> = {
  HOST_UNKNOWN: /check its spelling/,
  UNREACHABLE: /check the network, and the cloud's host and port/,
  TLS_FAILED: /check that the port speaks TLS/,
  TLS_CA: /sends its whole chain/,
  TLS_NAME: /compare the host with the certificate's names/,
  TLS_EXPIRED: /renew it, or set the device's clock/,
  TLS_NOT_YET_VALID: /set the device's clock/,
  TLS_REVOKED: /give the cloud a new one/,
  TLS_CRL: /give the device the CA's present one/,
  TLS_PSK_REFUSED: /compare the keys/,
  TLS_CLIENT_REFUSED: /check that .* the cloud trusts its CA/,
};

describe("the firmware over TLS", () => {
  let pki: Pki;
  let closing: (() => unknown)[];

  before(async () => {
    pki = await makePki(DEVICE.id);
  });

  beforeEach(() => {
    closing = [];
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function start(serve: (setup: Setup) => Promise<Server>, setup: Setup): Promise<string> {
    const server = await serve(setup);
    closing.push(() => server.close());
    return server.url;
  }

  function connect(url: string, options: Partial<DeviceOptions>): SimulatedDevice {
    const device = simulateDevice({ cloud: url, ...DEVICE, ...options });
    closing.push(() => device.close());
    return device;
  }

  async function check(device: SimulatedDevice, outcome: Row["outcome"]): Promise<void> {
    if (outcome === "READY") return device.ready();
    await device.next("WAITING");
    const { name, sentence } = device.explain();
    assert.equal(name, outcome);
    assert.match(sentence, NEXT_STEP[outcome] as RegExp);
  }

  const SERVERS = {
    "the mock cloud": async ({ cert, asks }: Setup): Promise<Server> => {
      const certificates = {
        ...pki.server[cert],
        ca: pki.ca.cert,
        crl: pki.crl,
        clientCertificates: asks === "certificate" ? "required" : "none",
      } as const;
      const cloud = await startCloud({ tls: asks === "psk" ? { psk: true } : certificates });
      await cloud.addDevice(DEVICE);
      return { url: cloud.mqttUrl, close: () => cloud.close() };
    },
    mosquitto: ({ cert, asks }: Setup): Promise<Server> => {
      const name = asks === "certificate" ? "certificates" : asks === "psk" ? "psk" : "passwords";
      return startSampleMosquitto(program, name, {
        server: pki.server[cert],
        ca: pki.ca.cert,
        crl: pki.crl,
        users: [{ id: DEVICE.id, password: DEVICE.psk }],
      });
    },
  };
  let program: string;

  for (const [name, serve] of Object.entries(SERVERS)) {
    describe(`to ${name}`, () => {
      before(function () {
        if (name === "mosquitto") program = findMosquitto(this);
      });

      for (const version of VERSIONS) {
        describe(version, () => {
          for (const { what, setup, device, outcome } of ROWS) {
            it(`${what}: ${outcome}`, async () => {
              const url = await start(serve, setup);
              const { tls, ...more } = device(pki);
              const versions = { minVersion: version, maxVersion: version };
              const connected = connect(url, { ...more, tls: { ...tls, ...versions } });
              await check(connected, outcome);
              if (outcome === "READY") assert.equal(connected.tls?.protocol, version);
            });
          }
        });
      }
    });
  }

  it("a trust anchor is whom the device trusts, a root or not: a server that sends no chain is believed by its issuer", async () => {
    const { server, intermediate, root } = await makeChain();
    const cloud = await startCloud({ tls: { ...server, ca: pki.ca.cert } });
    closing.push(() => cloud.close());
    const psk = await cloud.addDevice(DEVICE);
    await check(connect(cloud.mqttUrl, { ...psk, proof: "password", tls: { ca: intermediate } }), "READY");
    await check(connect(cloud.mqttUrl, { ...psk, proof: "password", tls: { ca: root } }), "TLS_CA");
  });

  describe("where there is no TLS", () => {
    it("a port that speaks plain MQTT: TLS_FAILED", async () => {
      const cloud = await startCloud();
      closing.push(() => cloud.close());
      await check(connect(cloud.mqttUrl.replace("mqtt:", "mqtts:"), {}), "TLS_FAILED");
    });

    it("a server that hangs up at once, also on a device with a certificate: TLS_FAILED", async () => {
      const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
      closing.push(() => server.close());
      await once(server, "listening");
      const url = `mqtts://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await check(connect(url, { tls: showing("ec")(pki) }), "TLS_FAILED");
      await check(connect(url, { tls: trusting(pki) }), "TLS_FAILED");
    });

    it("a port that nobody listens on: UNREACHABLE", async () => {
      await check(connect("mqtts://127.0.0.1:1", {}), "UNREACHABLE");
    });

    it("a name that nobody knows: HOST_UNKNOWN", async () => {
      await check(connect("mqtts://nowhere.invalid", {}), "HOST_UNKNOWN");
    });

    it("no version in common: TLS_FAILED", async () => {
      const cloud = await startCloud({ tls: { minVersion: "TLSv1.3" } });
      closing.push(() => cloud.close());
      const tls: DeviceTls = { ca: cloud.authority.cert, maxVersion: "TLSv1.2" };
      await check(connect(cloud.mqttUrl, { tls }), "TLS_FAILED");
    });
  });

  it("a list of brokers: past one that is down and one whose certificate has expired to the one that serves", async () => {
    const expired = await start(SERVERS["the mock cloud"], { cert: "expired", asks: "certificate" });
    const good = await start(SERVERS["the mock cloud"], { cert: "good", asks: "certificate" });
    const alternatives = [expired, good];
    const limits = { backoffBaseMs: 20, backoffCapMs: 80 };
    const device = connect("mqtts://127.0.0.1:1", { tls: showing("ec")(pki), alternatives, limits });
    for (const name of ["UNREACHABLE", "TLS_EXPIRED"]) {
      await device.next("WAITING");
      assert.equal(device.explain().name, name);
    }
    await device.ready();
    assert.equal(`mqtts://${device.explain().cloud}`, good);
    assert.throws(() => connect(good, { alternatives: ["mqtt://127.0.0.1:1"] }), /must speak TLS, or none/);
  });

  describe("a session", () => {
    /** A connection to the mock cloud, and a way to have it made anew. */
    async function reconnecting(version: (typeof VERSIONS)[number], more: DeviceTls = {}) {
      const tls = { ...pki.server.good, minVersion: version, maxVersion: version };
      const cloud = await startCloud({ tls });
      closing.push(() => cloud.close());
      await cloud.addDevice(DEVICE);
      const device = connect(cloud.mqttUrl, { ...password, tls: { ...trusting(pki), ...more } });
      await device.ready();
      return async (): Promise<boolean | undefined> => {
        const again = cloud.next("connected");
        cloud.kick(DEVICE.id);
        await again;
        await device.ready();
        return device.tls?.resumed;
      };
    }

    for (const version of VERSIONS) {
      it(`is resumed until a certificate ends that was looked at when it began (${version})`, async () => {
        const again = await reconnecting(version);
        assert.equal(await again(), true);
        const clock = useFakeTimers({ now: Date.now() + 36 * 3_600_000, toFake: ["Date"] });
        try {
          // Node asks OpenSSL, whose clock is not ours to change: what is seen is the full handshake.
          assert.equal(await again(), false);
        } finally {
          clock.restore();
        }
        assert.equal(await again(), true);
      });

      it(`is not resumed past a list of revoked certificates (${version})`, async () => {
        const again = await reconnecting(version, { crl: pki.crl });
        assert.equal(await again(), false);
      });
    }
  });

  describe("ALPN", () => {
    /** A server that chooses among these; what it was offered is told with each connection. */
    async function choosing(protocols: string[]): Promise<{ port: number; offered: string[][] }> {
      const offered: string[][] = [];
      const server = createTlsServer({
        ...pki.server.good,
        ALPNCallback: (client) => {
          offered.push(client.protocols);
          return client.protocols.find((name) => protocols.includes(name));
        },
      });
      server.on("secureConnection", (socket) => socket.on("error", () => {}));
      server.on("tlsClientError", () => {});
      server.listen(0, "127.0.0.1");
      closing.push(() => server.close());
      await once(server, "listening");
      return { port: (server.address() as AddressInfo).port, offered };
    }

    /** What becomes of one connection: what was agreed on, or null where the handshake failed. */
    async function agreed(port: number, options: TlsOptions): Promise<string | null | "failed"> {
      const link = new TlsLink({ ca: pki.ca.cert, ...options });
      const outcome = await new Promise<"opened" | "closed">((resolve) => {
        link.open(
          { host: "localhost", port },
          {
            opened: () => resolve("opened"),
            closed: () => resolve("closed"),
            received: () => {},
            writable: () => {},
          },
        );
      });
      link.close();
      return outcome === "closed" ? "failed" : (link.report?.alpn ?? null);
    }

    it("is offered where the options name protocols, and the report says what was chosen", async () => {
      const aws = await choosing(["x-amzn-mqtt-ca"]);
      assert.equal(await agreed(aws.port, { alpn: ["mqtt", "x-amzn-mqtt-ca"] }), "x-amzn-mqtt-ca");
      assert.equal(await agreed(aws.port, { alpn: "x-amzn-mqtt-ca" }), "x-amzn-mqtt-ca");
      assert.deepEqual(aws.offered, [["mqtt", "x-amzn-mqtt-ca"], ["x-amzn-mqtt-ca"]]);
    });

    it("is not spoken of where they name none, and a cloud that has none of them ends the handshake", async () => {
      const other = await choosing(["h2"]);
      assert.equal(await agreed(other.port, {}), null);
      assert.deepEqual(other.offered, []);
      assert.equal(await agreed(other.port, { alpn: "mqtt" }), "failed");
    });
  });

  describe("options that cannot be right", () => {
    const refused: [string, () => DeviceTls, RegExp][] = [
      ["a certificate without its key", () => ({ cert: pki.device.ec.cert }), /belong together/],
      [
        "a key of another certificate",
        () => ({ cert: pki.device.ec.cert, key: pki.device.rsa.key }),
        /give PEM/,
      ],
      ["what is no PEM", () => ({ ca: "my CA" }), /give PEM/],
      ["TLS-PSK beside a CA", () => ({ psk: true, ca: pki.ca.cert }), /instead of certificates/],
    ];
    for (const [what, tls, message] of refused) {
      it(`${what} are told, without a secret`, () => {
        assert.throws(
          () => connect("mqtts://127.0.0.1:1", { tls: tls() }),
          (error: Error) => {
            assert.match(error.message, message);
            return !error.message.includes("-----BEGIN");
          },
        );
      });
    }

    it("tls for a cloud at mqtt://", () => {
      assert.throws(() => connect("mqtt://127.0.0.1:1", { tls: {} }), /mqtts:\/\/host:port/);
    });
  });
});
