import assert from "node:assert/strict";
import { Aedes } from "aedes";
import { Status } from "../../firmware/index.js";
import type { Pki } from "../servers/pki.js";
import { DEVICE, type Fault, failure, HOST, SOON } from "./diagnosis.js";

const DAY_S = 86_400;
/** Where a clock without a battery begins. */
const UNSET_S = 1_000;

const tlsTo = (cert: keyof Pki["server"], name: Fault["name"], step: RegExp): Fault => ({
  what: `a TLS server whose certificate is ${cert}`,
  name,
  step,
  evidence: { link: "VERIFIED_TLS", connects: 0, silentMs: -1 },
  cause: async (bench) => {
    const cloud = await bench.cloud({ tls: { ...bench.pki.server[cert], ca: bench.pki.ca.cert } });
    return bench.kept(cloud.mqttUrl, {
      proof: "password",
      tls: { ca: bench.pki.ca.cert, crl: bench.pki.crl },
    });
  },
});

const answered = (code: number, name: Fault["name"], step: RegExp): Fault => ({
  what: `a cloud that answers ${code}`,
  name,
  step,
  evidence: { code, connects: 1 },
  cause: async (bench) => {
    const when = ({ method }: { method: string }) => method !== "/v1/Hello";
    return bench.refused(await bench.cloud({ faults: { error: { code, when } } }), SOON);
  },
});

/** Who we are, and how we are proved. */
export const WHO: readonly Fault[] = [
  {
    what: "a device that the cloud does not know",
    name: "BAD_CREDENTIALS",
    step: /check that the device is registered/,
    evidence: { peerCode: 4, transport: "mqtt", link: "PLAIN", proof: "counter+mac" },
    cause: async (bench) => bench.kept(await bench.cloud(), { id: "device_9" }),
  },
  {
    what: "another key than the cloud's",
    name: "BAD_CREDENTIALS",
    step: /compare its key with the cloud's/,
    evidence: { peerCode: 4 },
    cause: async (bench) => bench.kept(await bench.cloud(), { psk: "guess" }),
  },
  {
    what: "another key than the cloud's, MQTT 5",
    name: "BAD_CREDENTIALS",
    step: /compare its key/,
    evidence: { peerCode: 0x86, transport: "mqtt5" },
    cause: async (bench) => bench.kept(await bench.cloud(), { psk: "guess", transport: "mqtt5" }),
  },
  {
    what: "another key in an exchange",
    name: "EXCHANGE_WRONG",
    step: /compare the keys/,
    cause: async (bench) =>
      bench.kept(await bench.cloud(), { psk: "guess", transport: "mqtt5", proof: "auth5+mac" }),
  },
  {
    what: "another key in TLS-PSK",
    name: "TLS_PSK_REFUSED",
    step: /compare the keys/,
    evidence: { link: "PSK_TLS", proof: "link" },
    cause: async (bench) =>
      bench.kept(await bench.cloud({ tls: { psk: true } }), { psk: "guess", tls: { psk: true } }),
  },
  {
    what: "another key in each frame",
    name: "UNAUTHENTICATED",
    step: /compare the key/,
    evidence: { code: 401, transport: "rpc+ws" },
    cause: async (bench) =>
      bench.refused(await bench.cloud(), {
        psk: "guess",
        transport: "rpc+ws",
        proof: "key",
        allowInsecure: true,
      }),
  },
  {
    what: "another key in each frame's MAC",
    name: "MAC_MISSING",
    step: /compare the key with the cloud's/,
    evidence: { proof: "mac", connects: 1 },
    cause: async (bench) => bench.refused(await bench.cloud(), { psk: "guess", proof: "mac", ...SOON }),
  },
  {
    what: "a counter that was used before",
    name: "BAD_CREDENTIALS",
    step: /check that the counter rises over reboots/,
    cause: async (bench) => {
      const cloud = await bench.cloud();
      await cloud.addDevice({ ...DEVICE, counter: 100 });
      return bench.kept(cloud, { counter: 100 });
    },
  },
  {
    what: "a device that was disabled",
    name: "NOT_AUTHORIZED",
    step: /not disabled/,
    evidence: { peerCode: 5, connects: 1, losses: 1 },
    cause: async (bench) => {
      const cloud = await bench.cloud();
      const device = bench.device(cloud, { limits: { backoffBaseMs: 10 } });
      await device.ready();
      const refused = cloud.next("connect-refused");
      await cloud.disable(DEVICE.id);
      await refused;
      await device.next("WAITING");
      return device.explain();
    },
  },
  {
    what: "a device whose certificate was revoked",
    name: "TLS_CLIENT_REFUSED",
    step: /neither expired nor revoked/,
    evidence: { link: "MUTUAL_TLS" },
    cause: async (bench) => {
      const cloud = await bench.cloud({ tls: { clientCertificates: "required" } });
      const tls = await cloud.issueCertificate(DEVICE.id);
      await cloud.revokeCertificate(tls.cert);
      return bench.kept(cloud, { tls });
    },
  },
  {
    what: "another device of our id, MQTT 5",
    name: "SESSION_TAKEN_OVER",
    step: /no two devices have one id/,
    evidence: { peerCode: 0x8e, losses: 1 },
    cause: async (bench) => {
      const cloud = await bench.cloud();
      const device = bench.device(cloud, { transport: "mqtt5" });
      await device.ready();
      const lost = device.next("WAITING");
      bench.device(cloud, { transport: "mqtt5", counter: Date.now() + 1_000 });
      await lost;
      return device.explain();
    },
  },
  {
    what: "a broker that asks for the digest MD5",
    name: "CHALLENGE_REFUSED",
    step: /have SHA-256 switched on/,
    cause: async (bench) => {
      const cloud = await bench.cloud({ requireFrameProof: true });
      cloud.faults.rawReply = ({ text }) => text.replace("SHA-256", "MD5");
      return bench.refused(cloud, { proof: "digest" });
    },
  },
];

/** The way to the cloud. */
export const ROAD: readonly Fault[] = [
  {
    what: "a port that nobody listens on",
    name: "UNREACHABLE",
    step: /check the network, and the cloud's host and port/,
    evidence: { cloud: "127.0.0.1:1", connects: 0, silentMs: -1 },
    cause: (bench) => bench.kept("mqtt://127.0.0.1:1"),
  },
  {
    what: "a name that nobody knows",
    name: "HOST_UNKNOWN",
    step: /check its spelling/,
    evidence: { cloud: "nowhere.invalid:1883" },
    cause: (bench) => bench.kept("mqtt://nowhere.invalid"),
  },
  {
    what: "a server that says nothing",
    name: "CONNECT_TIMEOUT",
    step: /check that the port speaks MQTT/,
    evidence: { silentMs: -1 },
    cause: async (bench) =>
      bench.kept(`mqtt://${await bench.server(() => {})}`, { limits: { connectTimeoutMs: 300 } }),
  },
  {
    what: "a server that speaks something else than MQTT",
    name: "MQTT_PACKET_TYPE",
    step: /check that it is an MQTT/,
    cause: async (bench) =>
      bench.kept(`mqtt://${await bench.server((socket) => socket.write("\0HELO\r\n"))}`),
  },
  {
    what: "a server that speaks something else than HTTP",
    name: "WS_RESPONSE",
    step: /host and port are those of a web server/,
    cause: async (bench) =>
      bench.kept(`ws://${await bench.server((socket) => socket.write("220 mail\r\n"))}/rpc`, {
        transport: "rpc+ws",
      }),
  },
  {
    what: "a path where there is no WebSocket",
    name: "WS_NOT_FOUND",
    step: /compare the path/,
    evidence: { peerCode: 404, transport: "rpc+ws" },
    cause: async (bench) => {
      const { rpcUrl } = await bench.cloud();
      return bench.kept(rpcUrl.replace("/rpc", "/elsewhere"), { transport: "rpc+ws" });
    },
  },
  {
    what: "a broker that refuses our version",
    name: "VERSION_REFUSED",
    step: /use one that does/,
    evidence: { peerCode: 1 },
    cause: async (bench) => {
      const refuse = await bench.server((socket) =>
        socket.once("data", () => socket.write(Uint8Array.of(0x20, 2, 0, 1))),
      );
      return bench.kept(`mqtt://${refuse}`);
    },
  },
  {
    what: "a broker that refuses our subscription",
    name: "SUBSCRIPTION_REFUSED",
    step: /allow it <id>\/rpc\/#/,
    evidence: { peerCode: 0x80, connects: 0 },
    cause: async (bench) => {
      const aedes = await Aedes.createBroker();
      aedes.authorizeSubscribe = (_client, _subscription, done) => done(null, null);
      const explanation = await bench.kept(`mqtt://${await bench.server((socket) => aedes.handle(socket))}`);
      aedes.close();
      return explanation;
    },
  },
  {
    what: "TLS to a port that has none",
    name: "TLS_FAILED",
    step: /check that the port speaks TLS/,
    cause: async (bench) => {
      const { mqttUrl } = await bench.cloud();
      return bench.kept(mqttUrl.replace("mqtt:", "mqtts:"));
    },
  },
  {
    what: "a connection that ends right after CONNACK",
    name: "HUNG_UP",
    step: /its policy allows our client id, our topic/,
    cause: async (bench) => bench.kept(await bench.cloud({ faults: { kickAfterConnack: 1 } })),
  },
  tlsTo("otherCa", "TLS_CA", /sends its whole chain/),
  tlsTo("otherName", "TLS_NAME", /compare the host with the certificate's names/),
  tlsTo("expired", "TLS_EXPIRED", /renew it, or set the device's clock/),
  tlsTo("notYetValid", "TLS_NOT_YET_VALID", /set the device's clock/),
  tlsTo("revoked", "TLS_REVOKED", /give the cloud a new one/),
];

/** What the cloud makes of a call, and what the device makes of its answer. */
export const CALLS: readonly Fault[] = [
  answered(400, "BAD_ARGUMENTS", /compare the host name/),
  answered(403, "FORBIDDEN", /check its role/),
  answered(404, "NOT_FOUND", /check that the Auth service runs there/),
  answered(429, "THROTTLED", /made again after the time that it named/),
  answered(500, "CLOUD_ERROR", /its code is beside this sentence/),
  answered(503, "UNAVAILABLE", /the next attempt is made by itself/),
  {
    what: "a cloud that does not answer",
    name: "TIMEOUT",
    step: /check that it runs and reads the request topic/,
    evidence: { lastRefusal: Status.OK, connects: 1, losses: 0 },
    cause: async (bench) => bench.refused(await bench.cloud({ faults: { dropReplies: true } }), SOON),
  },
  {
    what: "a cloud that does not answer, after a doubled answer was dropped",
    name: "TIMEOUT",
    step: /check that it runs/,
    evidence: { lastRefusal: Status.MAC_REPLAYED },
    cause: async (bench) => {
      const dropReplies = ({ method }: { method: string }) => method !== "/v1/Hello";
      return bench.refused(await bench.cloud({ faults: { doubleReplies: true, dropReplies } }), SOON);
    },
  },
  {
    what: "answers that are no JSON",
    name: "JSON_SYNTAX",
    step: /the next attempt is made by itself/,
    evidence: { lastRefusal: Status.JSON_SYNTAX },
    cause: async (bench) => {
      const malformedReply = { bytes: "{nonsense", when: true };
      return bench.refused(await bench.cloud({ faults: { malformedReply } }), SOON);
    },
  },
  {
    what: "answers whose MAC is wrong",
    name: "MAC_WRONG",
    step: /somebody else may write to the device's topic/,
    evidence: { lastRefusal: Status.MAC_WRONG },
    cause: async (bench) => bench.refused(await bench.cloud({ faults: { wrongMac: true } }), SOON),
  },
  {
    what: "an answer without a token",
    name: "BAD_RESULT",
    step: /compare the versions of cloud and client/,
    cause: async (bench) => {
      const rawReply = ({ text }: { text: string }) => text.replace(/"(token|sealed)"/, '"other"');
      return bench.refused(await bench.cloud({ faults: { rawReply } }));
    },
  },
  {
    what: "a token that is longer than the limit",
    name: "TOKEN_TOO_LONG",
    step: /raise it, or have shorter tokens made/,
    cause: async (bench) => bench.refused(await bench.cloud(), { limits: { tokenBytes: 200 } }),
  },
  {
    what: "a fresh token that the app refuses too",
    name: "REJECTED",
    step: /compare its clock, its audience and the key/,
    cause: async (bench) => {
      const device = bench.device(await bench.cloud());
      const host = device.host(HOST);
      const first = await host.getToken();
      assert.equal(host.rejected(first.generation), "OK");
      host.rejected((await host.getToken()).generation);
      await failure(host.getToken());
      return device.explain();
    },
  },
  {
    what: "a device's clock that is a day behind the cloud's",
    name: "CLOCK_WRONG",
    step: /set it, by SNTP/,
    cause: async (bench) => {
      const device = bench.device(await bench.cloud());
      await device.host(HOST).getToken();
      await device.listTokens(); // Hello's answer came before this one
      const explanation = device.explain(Date.now() / 1000 - DAY_S);
      assert.ok(Math.abs(explanation.clockAheadS + DAY_S) < 60, `${explanation.clockAheadS} s`);
      return explanation;
    },
  },
  {
    what: "a certificate that is of tomorrow by a clock that was never set",
    name: "CLOCK_WRONG",
    step: /certificates and tokens are not valid by it/,
    evidence: { clockAheadS: 0, cloudTimeS: -1 },
    cause: async (bench) => {
      const cloud = await bench.cloud({ tls: { ...bench.pki.server.notYetValid, ca: bench.pki.ca.cert } });
      const device = bench.device(cloud.mqttUrl, { proof: "password", tls: { ca: bench.pki.ca.cert } });
      await device.next("WAITING");
      return device.explain(UNSET_S);
    },
  },
];
