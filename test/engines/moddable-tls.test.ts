import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { type AuthOptions, Status } from "../../firmware/index.js";
import { CertificateAuthority, type KeyPair } from "../../host-sim/cloud/certificates.js";
import { type Cloud, type CloudEvent, startCloud } from "../../host-sim/cloud/index.js";
import { findMosquitto, startSampleMosquitto } from "../servers/mosquitto.js";
import { buildDevice, findModdable, type ModdableApp, playApp } from "./moddable.js";

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HOST = "app.example.com";
const DAY_MS = 86_400_000;
/** Calls end soon where no connection can be had. */
const IMPATIENT = { callAttemptMs: 900, callDeadlineMs: 2_000 };
const TLS_HANDSHAKE = 22;
const SERVER_KEY_EXCHANGE = 12;
/** In the first record: behind heads of record and message, version and random (RFC 5246, 7.4.1.2). */
const SESSION_ID_AT = 5 + 4 + 2 + 32;

const certificateHex = (pem: string) => new X509Certificate(pem).raw.toString("hex");
const keyHex = (pem: string) =>
  createPrivateKey(pem).export({ format: "der", type: "pkcs8" }).toString("hex");

/** As `moddable/device.ts` takes it. */
interface DeviceTls {
  ca: string[];
  serverName?: string;
  certificates?: string[];
  key?: string;
}

describe("Moddable over TLS", function () {
  this.timeout(600_000);
  let sdk: string;
  let library: string;
  let ca: CertificateAuthority;
  let otherCa: CertificateAuthority;
  let server: KeyPair;
  let device: KeyPair;
  let strangeDevice: KeyPair;
  let cloud: Cloud;
  let events: CloudEvent[];
  let app: ModdableApp;
  const open = new Set<Server>();

  before(async function () {
    sdk = findModdable(this);
    library = await buildDevice(sdk);
    ca = await CertificateAuthority.create("a CA", "rsa");
    otherCa = await CertificateAuthority.create("another CA", "rsa");
    server = await ca.issue({ name: "server", hosts: ["127.0.0.1", "mqtt.example.com"], keyType: "rsa" });
    device = await ca.issue({ name: ID, keyType: "rsa" });
    strangeDevice = await otherCa.issue({ name: ID, keyType: "rsa" });
  });
  beforeEach(async () => {
    events = [];
    cloud = await startCloud({ log: (event) => events.push(event) });
    await cloud.addDevice({ id: ID, psk: PSK });
    app = await playApp(sdk, library);
  });
  afterEach(async () => {
    await app?.close();
    await cloud?.close();
    for (const one of open) one.close();
    open.clear();
  });

  /** OpenSSL in front of the cloud's plain port. */
  async function frontOf(options: TlsOptions): Promise<number> {
    return listen(
      createTlsServer({ maxVersion: "TLSv1.2", ...options }, (socket) => {
        const inner = connect(cloud.port, "127.0.0.1");
        socket.on("error", () => inner.destroy()).on("close", () => inner.destroy());
        inner.on("error", () => socket.destroy());
        socket.pipe(inner).pipe(socket);
      }),
    );
  }

  async function listen(one: Server): Promise<number> {
    open.add(one);
    one.listen(0, "127.0.0.1");
    await once(one, "listening");
    return (one.address() as AddressInfo).port;
  }

  async function start(port: number, tls: DeviceTls, more: Partial<AuthOptions> = {}): Promise<void> {
    const options: AuthOptions = {
      deviceId: ID,
      cloud: { host: "127.0.0.1", port },
      credential: { psk: PSK, counter: 1 },
      limits: IMPATIENT,
      ...more,
    };
    await app.ask({ do: "start", options, host: HOST, tls });
  }

  async function token(): Promise<{ status: string; token: string }> {
    const told = (await app.ask({ do: "get" })) as { status: number; token: string };
    return { status: Status[told.status] as string, token: told.token };
  }

  async function assertToken(): Promise<void> {
    const told = await token();
    assert.equal(told.status, "OK");
    const check = cloud.checkToken(told.token, HOST);
    assert.ok(check.active && check.sub === ID);
  }

  const certified = (pair: KeyPair) => ({ certificates: [certificateHex(pair.cert)], key: keyHex(pair.key) });
  const trusting = () => ({ ca: [certificateHex(ca.cert)] });

  it("gets tokens from a server that it has verified, by address and by name", async () => {
    await start(await frontOf(server), trusting(), { limits: {} });
    await assertToken();
    const renewed = (await app.ask({ do: "generate" })) as { status: number };
    assert.equal(renewed.status, Status.OK);
    await app.close();
    app = await playApp(sdk, library);
    const named = { ...trusting(), serverName: "MQTT.example.com" };
    await start(await frontOf(server), named, { limits: {}, credential: { psk: PSK, counter: 1_000 } });
    await assertToken();
  });

  it("proves itself with an RSA certificate", async () => {
    const wanted = { ...server, ca: [ca.cert], requestCert: true, rejectUnauthorized: true };
    const tls = { ...trusting(), ...certified(device) };
    await start(await frontOf(wanted), tls, { limits: {}, proof: "counter+mac" }); // the cloud sees TCP
    await assertToken();
  });

  it("gets tokens from mosquitto, which asks for the certificate and nothing else", async function () {
    const program = findMosquitto(this);
    const cloudKey = await ca.issue({ name: "cloud", keyType: "rsa" });
    const shown = { server, ca: ca.cert, crl: await ca.crl() };
    const broker = await startSampleMosquitto(program, "certificates", shown);
    const brokerTls = { ca: ca.cert, ...cloudKey };
    const own = broker.url.replace("//", "//cloud@");
    const attached = await startCloud({ broker: own, brokerTls, topicsBound: true });
    try {
      await attached.addDevice({ id: ID, psk: PSK });
      const port = Number(new URL(broker.url).port);
      const tls = { ...trusting(), ...certified(device) };
      await start(port, tls, { limits: {}, proof: "link", credential: {} });
      const told = await token();
      assert.equal(told.status, "OK");
      assert.ok(attached.checkToken(told.token, HOST).active);
    } finally {
      await attached.close();
      await broker.close();
    }
  });

  it("takes a list longer than a record whole", async () => {
    cloud.faults.listTokenHosts = 2_000;
    await start(await frontOf(server), trusting(), { limits: {} });
    await assertToken();
    const told = (await app.ask({ do: "list" })) as { status: number; hosts: number };
    assert.deepEqual([told.status, told.hosts], [Status.OK, 2_001]);
  });

  /** What a server shows that the device must not take, and what it is told. */
  const refused: Record<string, [status: string, shown: () => Promise<TlsOptions>, tls?: () => DeviceTls]> = {
    "a server of an unknown authority": [
      "TLS_CA",
      () => otherCa.issue({ name: "server", hosts: ["127.0.0.1"], keyType: "rsa" }),
    ],
    "a server of another name": [
      "TLS_NAME",
      async () => server,
      () => ({ ...trusting(), serverName: "other.example.com" }),
    ],
    "a server whose certificate has expired": [
      "TLS_EXPIRED",
      () => serverFrom(new Date(Date.now() - 2 * DAY_MS), new Date(Date.now() - DAY_MS)),
    ],
    "a server whose certificate is not valid yet": [
      "TLS_NOT_YET_VALID",
      () => serverFrom(new Date(Date.now() + DAY_MS), new Date(Date.now() + 2 * DAY_MS)),
    ],
    "a device that shows its own certificate as a server's": ["TLS_CA", async () => device],
    // The SDK's own check takes the second of these.
    "a stranger's certificate in front of a good chain": [
      "TLS_CA",
      async () => ({ ...strangeDevice, cert: [strangeDevice.cert, server.cert, ca.cert].join("\n") }),
    ],
    "a stranger's certificate of the right name in front of a good one": [
      "TLS_CA",
      async () => {
        const stranger = await otherCa.issue({ name: "server", hosts: ["127.0.0.1"], keyType: "rsa" });
        return { ...stranger, cert: [stranger.cert, device.cert].join("\n") };
      },
    ],
    "a server that wants a certificate of a device that has none": [
      "TLS_CLIENT_REFUSED",
      async () => ({ ...server, ca: [ca.cert], requestCert: true, rejectUnauthorized: true }),
    ],
    "a server that does not know the device's authority": [
      "TLS_CLIENT_REFUSED",
      async () => ({ ...server, ca: [ca.cert], requestCert: true, rejectUnauthorized: true }),
      () => ({ ...trusting(), ...certified(strangeDevice) }),
    ],
    "a server that has only other suites": [
      "TLS_FAILED",
      async () => ({ ...server, ciphers: "AES128-SHA:ECDHE-RSA-AES128-SHA256" }),
    ],
  };

  const serverFrom = (validFrom: Date, validTo: Date) =>
    ca.issue({ name: "server", hosts: ["127.0.0.1"], keyType: "rsa", validFrom, validTo });

  for (const [name, [status, shown, tls = trusting]] of Object.entries(refused)) {
    it(`${status} is told of ${name}`, async () => {
      await start(await frontOf(await shown()), tls());
      assert.equal((await token()).status, status);
      assert.deepEqual(events, []);
    });
  }

  it("TLS_FAILED is told of a port that speaks no TLS", async () => {
    await start(await listen(createTcpServer((socket) => socket.end("no TLS here\r\n"))), trusting());
    assert.equal((await token()).status, "TLS_FAILED");
  });

  it("TLS_EXPIRED is told of an authority that has expired, and nothing is sent", async () => {
    const expired = await serverFrom(new Date(Date.now() - 2 * DAY_MS), new Date(Date.now() - DAY_MS));
    let connections = 0;
    const port = await listen(createTcpServer(() => connections++));
    await start(port, { ca: [certificateHex(expired.cert)] });
    assert.deepEqual([(await token()).status, connections], ["TLS_EXPIRED", 0]);
  });

  it("a second connection offers no session of the first: its handshake is a whole one", async () => {
    const front = await frontOf(server);
    const hellos: Buffer[] = [];
    const port = await listen(
      createTcpServer((outer) => {
        const inner = connect(front, "127.0.0.1");
        outer.once("data", (hello) => hellos.push(hello));
        outer.on("error", () => inner.destroy()).on("close", () => inner.destroy());
        inner.on("error", () => outer.destroy()).on("close", () => outer.destroy());
        outer.pipe(inner).pipe(outer);
      }),
    );
    await start(port, trusting(), { limits: {} });
    await assertToken();
    cloud.kick(ID);
    assert.equal(((await app.ask({ do: "generate" })) as { status: number }).status, Status.OK);
    assert.equal(hellos.length, 2);
    for (const hello of hellos) {
      assert.equal(hello[0], TLS_HANDSHAKE);
      assert.equal(hello[SESSION_ID_AT], 0, "the length of the session id");
    }
  });

  it("a key exchange whose signature was taken away gets no answer", async () => {
    // The SDK's own check skips a signature of no algorithm, whoever the keys are from.
    const fromDevice: Buffer[] = [];
    const front = await frontOf(server);
    const port = await listen(
      createTcpServer((outer) => unsign(outer, connect(front, "127.0.0.1"), fromDevice)),
    );
    await start(port, trusting());
    assert.equal((await token()).status, "TLS_FAILED");
    const afterHello = fromDevice.filter((bytes) => bytes[0] === TLS_HANDSHAKE && bytes[5] !== 1);
    assert.deepEqual(afterHello, []);
  });
});

/** Passes bytes on, and makes each ServerKeyExchange one that is signed by nobody. */
function unsign(outer: Socket, inner: Socket, fromDevice: Buffer[]): void {
  outer.on("error", () => inner.destroy()).on("close", () => inner.destroy());
  inner.on("error", () => outer.destroy()).on("close", () => outer.destroy());
  outer.on("data", (bytes) => {
    fromDevice.push(bytes);
    inner.write(bytes);
  });
  let flight = Buffer.alloc(0);
  inner.on("data", (bytes) => {
    flight = Buffer.concat([flight, bytes]);
    let at = 0;
    while (at + 5 <= flight.length && at + 5 + flight.readUInt16BE(at + 3) <= flight.length) {
      const end = at + 5 + flight.readUInt16BE(at + 3);
      if (flight[at] === TLS_HANDSHAKE) unsignMessages(flight.subarray(at + 5, end));
      outer.write(flight.subarray(at, end));
      at = end;
    }
    flight = flight.subarray(at);
  });
}

/** curve type, curve, the point with its length, and then the algorithms (RFC 8422, 5.4). */
function unsignMessages(messages: Buffer): void {
  for (let at = 0; at + 4 <= messages.length; at += 4 + messages.readUIntBE(at + 1, 3)) {
    if (messages[at] !== SERVER_KEY_EXCHANGE) continue;
    const algorithmsAt = at + 4 + 4 + messages.readUInt8(at + 4 + 3);
    messages.fill(0, algorithmsAt, algorithmsAt + 2);
  }
}
