/** What the cloud makes of a TLS handshake: whom it proves, and what it saves the client. */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { type ConnectionOptions, connect } from "node:tls";
import { generate } from "mqtt-packet";
import { CertificateAuthority, type KeyPair } from "../../host-sim/cloud/certificates.js";
import {
  type Cloud,
  type CloudTlsOptions,
  type ConnectProof,
  startCloud,
} from "../../host-sim/cloud/index.js";
import { type DeviceTls, type SimulatedDevice, simulateDevice } from "../../host-sim/device.js";
import { TRANSPORTS, type TransportName } from "../../host-sim/transports.js";
import { Client } from "./client.js";

const ID = "device_123";
const HOST = "app.example.com";
const GENERATE = "/v1/Auth.GenerateToken";
const PSK_CIPHERS = "TLS_AES_128_GCM_SHA256:PSK-AES128-GCM-SHA256";

describe("the cloud over TLS", () => {
  let cloud: Cloud;
  let identity: { id: string; psk: string };
  let closing: (() => unknown)[];

  beforeEach(() => {
    closing = [];
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function start(tls: CloudTlsOptions): Promise<void> {
    cloud = await startCloud({ tls });
    closing.push(() => cloud.close());
    identity = await cloud.addDevice({ id: ID });
  }

  /** A raw client: CONNECT without user and password unless these are given. */
  async function open(
    tls: ConnectionOptions,
    more: { id?: string; password?: string } = {},
  ): Promise<Client> {
    const id = more.id ?? ID;
    const login = more.password === undefined ? {} : { username: id, password: more.password };
    const ca = cloud.ca === undefined ? {} : { ca: cloud.ca };
    const client = await Client.open(cloud.mqttUrl, { id, ...login, tls: { ...ca, ...tls } });
    closing.push(() => client.close());
    return client;
  }

  function device(tls: DeviceTls, transport: TransportName = "mqtt"): SimulatedDevice {
    const started = simulateDevice({
      cloud,
      ...identity,
      transport,
      tls,
      limits: { backoffBaseMs: 20, backoffCapMs: 80 },
    });
    closing.push(() => started.close());
    return started;
  }

  const withPsk = (id: string, psk: string): ConnectionOptions => ({
    ciphers: PSK_CIPHERS,
    pskCallback: () => ({ identity: id, psk: Buffer.from(psk) }),
    checkServerIdentity: () => undefined,
  });

  describe("with client certificates", () => {
    beforeEach(() => start({ clientCertificates: "optional" }));

    it("a certificate proves the connection: no password, and no proof in frames", async () => {
      const connected = cloud.next("connected");
      const client = await open(await cloud.issueCertificate(ID));
      assert.equal((await connected).proof, "certificate");
      await client.subscribe(`${ID}/rpc/#`);
      const asked = cloud.next("request");
      const { result } = await client.call(GENERATE, { host: HOST });
      assert.deepEqual([cloud.checkToken(result.token, HOST).active, (await asked).proof], [true, "link"]);
    });

    it("without one a password is asked as always, and a wrong one is wrong beside a certificate too", async () => {
      const pair = await cloud.issueCertificate(ID);
      assert.equal((await open({}, { password: identity.psk })).returnCode, 0);
      assert.equal((await open({}, { password: "guess" })).returnCode, 4);
      assert.equal((await open(pair, { password: "guess" })).returnCode, 4);
    });

    it("a certificate of one is no proof of another: CONNACK 5", async () => {
      await cloud.addDevice({ id: "device_9" });
      const pair = await cloud.issueCertificate("device_9");
      const refused = cloud.next("connect-refused");
      assert.equal((await open(pair)).returnCode, 5);
      assert.equal((await refused).reason, "link-identity");
      assert.equal((await open(pair, { password: identity.psk })).returnCode, 5);
    });

    it("who is disabled, or unknown, is not let in by a certificate", async () => {
      const pair = await cloud.issueCertificate(ID);
      await cloud.disable(ID);
      assert.equal((await open(pair)).returnCode, 5);
      assert.equal((await open(await cloud.issueCertificate("nobody"), { id: "nobody" })).returnCode, 4);
    });

    it("a fingerprint in the registry pins the certificate", async () => {
      const [pinned, another] = [await cloud.issueCertificate(ID), await cloud.issueCertificate(ID)];
      await cloud.addDevice({ id: ID, certFingerprint: new X509Certificate(pinned.cert).fingerprint256 });
      assert.equal((await open(pinned)).returnCode, 0);
      assert.equal((await open(another)).returnCode, 5);
    });

    it("an unproven client cannot take the place of one that a certificate proved", async () => {
      await open(await cloud.issueCertificate(ID));
      assert.equal((await open({})).returnCode, 5);
      assert.deepEqual(cloud.stats.connectsRefused, { takeover: 1 });
    });

    it("a bad certificate is refused where one is optional too, with the reason", async () => {
      const other = await CertificateAuthority.create("another CA");
      const refused = cloud.next("tls-refused");
      const socket = connect({
        port: cloud.port,
        host: "127.0.0.1",
        ca: cloud.authority.cert,
        ...(await other.issue({ name: ID })),
      });
      closing.push(() => socket.destroy());
      assert.match((await refused).reason, /^UNABLE_TO_/);
      assert.equal(Object.keys(cloud.stats.tlsRefused).length, 1);
    });
  });

  describe("sessions", () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      it(`are resumed, and still tell whose certificate began them (${version})`, async () => {
        await start({ clientCertificates: "required", minVersion: version, maxVersion: version });
        const connected = device(await cloud.issueCertificate(ID));
        await connected.ready();
        assert.equal(connected.tls?.resumed, false);
        const again = cloud.next("connected");
        cloud.kick(ID);
        assert.equal((await again).proof, "certificate");
        await connected.ready();
        assert.equal(connected.tls?.resumed, true);
      });

      it(`are not resumed with a certificate that was revoked since (${version})`, async () => {
        await start({ clientCertificates: "required", minVersion: version, maxVersion: version });
        const pair = await cloud.issueCertificate(ID);
        const connected = device(pair);
        await connected.ready();
        await cloud.revokeCertificate(pair.cert);
        const refused = cloud.next("tls-refused");
        cloud.kick(ID);
        assert.equal((await refused).reason, "CERT_REVOKED");
        await connected.next("WAITING");
        assert.equal(connected.explain().name, "TLS_CLIENT_REFUSED");
      });
    }
  });

  describe("while a CA is replaced", () => {
    let next: CertificateAuthority;
    let nextPair: KeyPair;

    beforeEach(async () => {
      await start({ clientCertificates: "required" });
      next = await CertificateAuthority.create("the next CA");
      nextPair = await next.issue({ name: "cloud", hosts: ["127.0.0.1"] });
    });

    it("a device with both trust anchors goes on; one with the old alone is told TLS_CA", async () => {
      const pair = await cloud.issueCertificate(ID);
      const ready = device({ ca: [cloud.authority.cert, next.cert], ...pair });
      await ready.ready();
      cloud.changeTls(nextPair);
      const lost = ready.next("WAITING");
      cloud.kick(ID);
      await lost;
      await ready.ready();
      ready.close();
      const late = device({ ca: cloud.authority.cert, ...pair });
      await late.next("WAITING");
      assert.equal(late.explain().name, "TLS_CA");
    });

    it("the cloud takes devices of both CAs, once told of the next", async () => {
      const [old, renewed] = [await cloud.issueCertificate(ID), await next.issue({ name: ID })];
      cloud.changeTls({ ca: [cloud.authority.cert, next.cert] });
      for (const pair of [old, renewed]) assert.equal((await open(pair)).returnCode, 0);
    });
  });

  describe("with TLS-PSK", () => {
    beforeEach(() => start({ psk: true }));

    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const fixed = { minVersion: version, maxVersion: version };

      it(`the key proves the connection: no password, and no proof in frames (${version})`, async () => {
        const connected = cloud.next("connected");
        const client = await open({ ...withPsk(ID, identity.psk), ...fixed });
        assert.equal((await connected).proof, "psk");
        await client.subscribe(`${ID}/rpc/#`);
        const { result } = await client.call(GENERATE, { host: HOST });
        assert.equal(cloud.checkToken(result.token, HOST).active, true);
      });

      it(`the key of one is no proof of another: CONNACK 5 (${version})`, async () => {
        const other = await cloud.addDevice({ id: "device_9" });
        assert.equal((await open({ ...withPsk(other.id, other.psk), ...fixed })).returnCode, 5);
      });

      it(`no session is resumed: each handshake names its key (${version})`, async () => {
        const options = { ...withPsk(ID, identity.psk), ...fixed, port: cloud.port, host: "127.0.0.1" };
        const sessions: Buffer[] = [];
        const socket = connect(options).on("session", (session) => sessions.push(session));
        closing.push(() => socket.destroy());
        // What TLS 1.3 offers comes before the first answer.
        socket.write(
          generate({ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clientId: ID, clean: true }),
        );
        await once(socket, "data");
        assert.ok(sessions.length > 0);
        for (const session of sessions) {
          const again = connect({ ...options, session, pskCallback: () => null });
          closing.push(() => again.destroy());
          await assert.rejects(once(again, "secureConnect"));
        }
      });
    }

    it("a device that the registry does not know, or another key, gets no further than the handshake", async () => {
      await assert.rejects(open(withPsk("nobody", identity.psk)));
      await assert.rejects(open(withPsk(ID, "another key")));
      assert.deepEqual([cloud.stats.connects, Object.keys(cloud.stats.tlsRefused).length], [0, 2]);
    });

    it("TLS 1.3 with a suite of another hash, in which the key would not count, is refused", async () => {
      const ciphers = "TLS_AES_256_GCM_SHA384";
      await assert.rejects(open({ ...withPsk(ID, identity.psk), ciphers, minVersion: "TLSv1.3" }));
    });
  });

  describe("HTTPS", () => {
    const frame = JSON.stringify({ v: 2, id: 7, method: GENERATE, args: { host: HOST } });

    async function post(tls: ConnectionOptions): Promise<{ status: number; body: string }> {
      const sent = request(`${cloud.httpUrl}/rpc`, { method: "POST", agent: false, ...tls });
      sent.end(frame);
      const [response] = await once(sent, "response");
      return { status: response.statusCode, body: await text(response) };
    }

    it("takes a client's certificate in place of a bearer token", async () => {
      await start({ clientCertificates: "optional" });
      const { ca } = cloud;
      assert.ok(ca !== undefined && cloud.httpUrl.startsWith("https:"));
      const { status, body } = await post({ ca, ...(await cloud.issueCertificate(ID)) });
      assert.equal(status, 200);
      assert.equal(cloud.checkToken(JSON.parse(body).result.token, HOST).active, true);
      assert.equal((await post({ ca })).status, 401);
      await cloud.disable(ID);
      assert.equal((await post({ ca, ...(await cloud.issueCertificate(ID)) })).status, 401);
    });

    it("takes a TLS-PSK in place of a bearer token", async () => {
      await start({ psk: true });
      const { status, body } = await post(withPsk(ID, identity.psk));
      assert.equal(status, 200);
      assert.equal(cloud.checkToken(JSON.parse(body).result.token, HOST).active, true);
    });
  });

  describe("every transport", () => {
    const KINDS: [
      string,
      CloudTlsOptions,
      (pair: () => Promise<KeyPair>) => Promise<DeviceTls>,
      ConnectProof,
    ][] = [
      ["a server's certificate", {}, async () => ({}), "password"],
      ["a device's certificate", { clientCertificates: "required" }, (pair) => pair(), "certificate"],
      ["TLS-PSK", { psk: true }, async () => ({ psk: true }), "psk"],
    ];
    for (const transport of TRANSPORTS) {
      for (const [what, options, tls, proof] of KINDS) {
        it(`carries ${transport} with ${what}, which proves the connection`, async () => {
          await start(options);
          const connected = cloud.next("connected");
          const started = device(await tls(() => cloud.issueCertificate(ID)), transport);
          const { token } = await started.host(HOST).getToken();
          assert.equal((await connected).proof, proof);
          assert.equal(cloud.checkToken(token, HOST).active, true);
          assert.equal(started.tls?.protocol, "TLSv1.3");
        });
      }
    }
  });

  it("an own certificate is shown, and its halves belong together", async () => {
    const ca = await CertificateAuthority.create("somebody's CA");
    const own = await ca.issue({ name: "cloud", hosts: ["127.0.0.1"] });
    await start(own);
    assert.equal(cloud.ca, undefined);
    assert.throws(() => cloud.authority, /made no CA; start it with tls: true/);
    assert.equal((await open({ ca: ca.cert }, { password: identity.psk })).returnCode, 0);
    await assert.rejects(startCloud({ tls: { cert: own.cert } }), /belong together/);
  });

  it("a cloud without TLS says so", async () => {
    cloud = await startCloud();
    closing.push(() => cloud.close());
    assert.equal(cloud.ca, undefined);
    assert.throws(() => cloud.authority, /tls: true/);
    assert.throws(() => cloud.changeTls({}), /speaks no TLS/);
  });
});
