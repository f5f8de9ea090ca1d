import { createServer } from "node:tls";
import type { Packet } from "mqtt-packet";
import { WebSocketServer } from "ws";
import { Status } from "../../firmware/index.js";
import { makeChain } from "../servers/chain.js";
import { until } from "../until.js";
import { type Bench, type Fault, failure, HOST, letsIn, type Script, SOON } from "./diagnosis.js";

const PASSWORD = { proof: "password", allowInsecure: true } as const;
const FIVE = { ...PASSWORD, transport: "mqtt5" } as const;
const PLACE = "broker-7.example.com:8883";

const isRequest = (packet: Packet): boolean => packet.cmd === "publish" && !isHello(packet);
const isHello = (packet: Packet): boolean => packet.cmd === "publish" && /Hello/.test(String(packet.payload));

/** Refuses each request with this reason code. */
const refuses =
  (reasonCode: number, reasonString: string): Script =>
  (packet, send, socket) => {
    if (packet.cmd === "publish" && isRequest(packet))
      send({
        cmd: "puback",
        messageId: packet.messageId as number,
        reasonCode,
        properties: { reasonString },
      });
    else letsIn(packet, send, socket);
  };

/** Refuses CONNECT. */
const turnsAway =
  (reasonCode: number, properties: object = {}): Script =>
  (packet, send) => {
    if (packet.cmd === "connect")
      send({ cmd: "connack", returnCode: reasonCode, reasonCode, sessionPresent: false, properties });
  };

/** A server that answers a ClientHello with this alert (RFC 8446, 6.2). */
const alerting = (bench: Bench, alert: number): Promise<string> =>
  bench.server((socket) => socket.once("data", () => socket.end(Buffer.of(0x15, 3, 3, 0, 2, 2, alert))));

/** What the broker, or the way to it, says for a reason of its own. */
export const REASONS: readonly Fault[] = [
  {
    what: "a broker whose quota a request exceeds",
    name: "QUOTA_EXCEEDED",
    step: /too much or too often; the next attempt is made by itself/,
    evidence: { peerCode: 0x97, peerReason: "100 a day" },
    cause: async (bench) =>
      bench.refused(await bench.script(refuses(0x97, "100 a day")), { ...FIVE, ...SOON }),
  },
  {
    what: "a broker that takes no packet as large as a request",
    name: "PACKET_TOO_LARGE",
    step: /raise its size limit/,
    evidence: { peerCode: 0x95 },
    cause: async (bench) => bench.refused(await bench.script(refuses(0x95, "")), { ...FIVE, ...SOON }),
  },
  {
    what: "a broker that ends the connection over a packet's size",
    name: "PACKET_TOO_LARGE",
    step: /raise its size limit/,
    evidence: { peerCode: 0x95, losses: 1 },
    cause: async (bench) => {
      const url = await bench.script((packet, send, socket) => {
        letsIn(packet, send, socket);
        if (isRequest(packet)) send({ cmd: "disconnect", reasonCode: 0x95 });
      });
      const device = bench.device(url, FIVE);
      await device.ready();
      const lost = device.next("WAITING");
      device
        .host(HOST)
        .getToken()
        .catch(() => {});
      await lost;
      return device.explain();
    },
  },
  {
    what: "a quota of subscriptions",
    name: "QUOTA_EXCEEDED",
    step: /too much or too often/,
    evidence: { peerCode: 0x97, connects: 0 },
    cause: async (bench) => {
      const url = await bench.script((packet, send, socket) => {
        if (packet.cmd === "subscribe")
          send({ cmd: "suback", messageId: packet.messageId as number, granted: [0x97] });
        else letsIn(packet, send, socket);
      });
      return bench.kept(url, FIVE);
    },
  },
  {
    what: "a broker that refuses our keep-alive as it does a client id",
    name: "CLIENT_ID_REFUSED",
    step: /limits\.keepAliveS is not above the broker's limit/,
    evidence: { peerCode: 2 },
    cause: async (bench) => bench.kept(await bench.script(turnsAway(2)), PASSWORD),
  },
  {
    what: "a broker that moved, and says where to",
    name: "SERVER_MOVED",
    step: /set the host that peerReason names/,
    evidence: { peerCode: 0x9d, peerReason: PLACE },
    cause: async (bench) =>
      bench.kept(
        await bench.script(turnsAway(0x9d, { reasonString: "moved", serverReference: PLACE })),
        FIVE,
      ),
  },
  {
    what: "a broker that sends us to another one, and says which",
    name: "SERVER_MOVED",
    step: /set the host that peerReason names/,
    evidence: { peerCode: 0x9c, peerReason: PLACE, losses: 1 },
    cause: async (bench) => {
      const url = await bench.script((packet, send, socket) => {
        letsIn(packet, send, socket);
        if (packet.cmd !== "subscribe") return;
        const properties = { serverReference: PLACE, reasonString: "moved" };
        send({ cmd: "disconnect", reasonCode: 0x9c, properties });
      });
      return bench.kept(url, FIVE);
    },
  },
  {
    what: "a broker that hangs up after CONNECT",
    name: "HUNG_UP",
    step: /its policy allows our client id, our topic/,
    evidence: { connects: 0, peerCode: 0 },
    cause: async (bench) =>
      bench.kept(
        `mqtt://${await bench.server((socket) => socket.once("data", () => socket.end()))}`,
        PASSWORD,
      ),
  },
  ...(["TLSv1.2", "TLSv1.3"] as const).map(
    (version): Fault => ({
      what: `a broker that took our certificate and hangs up after CONNECT, ${version}`,
      name: "TLS_CLIENT_REFUSED",
      step: /and that the policy allows the id/,
      cause: async (bench) => {
        const { server, ca, device } = bench.pki;
        const options = { ...server.good, ca: ca.cert, requestCert: true, rejectUnauthorized: true };
        const tls = createServer({ ...options, minVersion: version, maxVersion: version }, (socket) => {
          socket.on("error", () => {});
          socket.once("data", () => socket.end());
        });
        const url = `mqtts://${await bench.server((socket) => tls.emit("connection", socket))}`;
        return bench.kept(url, { tls: { ca: ca.cert, ...device.ec } });
      },
    }),
  ),
  {
    what: "a server that does not send its intermediate certificate",
    name: "TLS_CA",
    step: /sends its whole chain, with every intermediate/,
    cause: async (bench) => {
      const { root, server } = await makeChain();
      const cloud = await bench.cloud({ tls: { ...server, ca: bench.pki.ca.cert } });
      return bench.kept(cloud.mqttUrl, { proof: "password", tls: { ca: root } });
    },
  },
  {
    what: "a server that asks for a protocol by ALPN",
    name: "TLS_ALPN",
    step: /set the link's ALPN/,
    cause: async (bench) => bench.kept(`mqtts://${await alerting(bench, 120)}`),
  },
  {
    what: "a server that does not go by the host's name",
    name: "TLS_NAME",
    step: /compare the host/,
    cause: async (bench) => bench.kept(`mqtts://${await alerting(bench, 112)}`),
  },
  ...(
    [
      [4401, "token expired"],
      [1012, "service restart"],
    ] as const
  ).map(
    ([code, reason]): Fault => ({
      what: `a server that closes a WebSocket with ${code} and words`,
      name: "CONNECTION_LOST",
      step: /ended; the next attempt is made by itself/,
      evidence: { peerCode: code, peerReason: reason, losses: 1 },
      cause: async (bench) => {
        const server = new WebSocketServer({ noServer: true });
        const place = await bench.http((request, socket, head) =>
          server.handleUpgrade(request, socket, head, (peer) => peer.close(code, reason)),
        );
        return bench.kept(`ws://${place}/rpc`, { transport: "rpc+ws" });
      },
    }),
  ),
];

/** Facts that lie beside a failure, and did not cause it. */
export const BYSTANDERS: readonly Fault[] = [
  {
    what: "a list that was not answered",
    name: "TIMEOUT",
    step: /check that it runs/,
    cause: async (bench) => {
      const device = bench.device(await bench.script(letsIn), { ...PASSWORD, ...SOON });
      await device.ready();
      await failure(device.listTokens());
      return device.explain();
    },
  },
  {
    what: "silence, after a stranger's garbage",
    name: "TIMEOUT",
    step: /check that it runs/,
    evidence: { lastRefusal: Status.JSON_SYNTAX },
    cause: async (bench) => {
      const url = await bench.script((packet, send, socket) => {
        letsIn(packet, send, socket);
        if (isHello(packet)) send(message("device_123/rpc", "no JSON"));
      });
      const device = bench.device(url, { ...PASSWORD, ...SOON });
      await device.ready();
      await until("the garbage", () => device.auth.counters.malformed > 0);
      await failure(device.host(HOST).getToken());
      return device.explain();
    },
  },
  {
    what: "silence, and a stranger's request that is garbage meanwhile",
    name: "TIMEOUT",
    step: /check that it runs/,
    evidence: { lastRefusal: Status.JSON_SYNTAX },
    cause: async (bench) => {
      const url = await bench.script((packet, send, socket) => {
        letsIn(packet, send, socket);
        if (isRequest(packet)) send(message("device_123/rpc/Switch.Set", "no JSON"));
      });
      return bench.refused(url, { ...PASSWORD, ...SOON });
    },
  },
  {
    what: "silence, after an answer to another call was refused",
    name: "TIMEOUT",
    step: /check that it runs/,
    evidence: { lastRefusal: Status.FRAME_DUPLICATE },
    cause: async (bench) => {
      const url = await bench.script((packet, send, socket) => {
        letsIn(packet, send, socket);
        if (isRequest(packet)) send(message("device_123/rpc", '{"id":1,"id":1}'));
      });
      return bench.refused(url, { ...PASSWORD, ...SOON });
    },
  },
  {
    what: "silence, after the broker refused a request that was before it",
    name: "TIMEOUT",
    step: /check that it runs/,
    evidence: { peerCode: 0 },
    cause: async (bench) => {
      let left = 1;
      const url = await bench.script((packet, send, socket) => {
        const isFirst = isRequest(packet) && left-- > 0;
        (isFirst ? refuses(0x97, "") : letsIn)(packet, send, socket);
      });
      const device = bench.device(url, { ...FIVE, limits: { callAttemptMs: 300, callDeadlineMs: 700 } });
      await device.ready();
      await failure(device.host(HOST).getToken());
      return device.explain();
    },
  },
  {
    what: "silence to a later call of another host",
    name: "TIMEOUT",
    step: /check that it runs/,
    evidence: { code: 0 },
    cause: async (bench) => {
      const when = ({ method }: { method: string }) => method !== "/v1/Hello";
      const cloud = await bench.cloud({ faults: { error: { code: 403, when } } });
      const device = bench.device(cloud, SOON);
      await device.ready();
      await failure(device.host("forbidden.example.com").getToken());
      cloud.faults.error = null;
      cloud.faults.dropReplies = true;
      await failure(device.host(HOST).getToken());
      return device.explain();
    },
  },
  {
    what: "nothing, once there is a connection again: what kept it away kept the calls away",
    name: "OK",
    step: /Nothing keeps the client/,
    evidence: { peerCode: 0, code: 0 },
    cause: async (bench) => {
      let away = true;
      const url = await bench.script((packet, send, socket) => {
        (away && packet.cmd === "connect" ? turnsAway(0x97, { reasonString: "later" }) : letsIn)(
          packet,
          send,
          socket,
        );
      });
      const limits = { callAttemptMs: 500, callDeadlineMs: 1_000, backoffBaseMs: 200, backoffCapMs: 200 };
      const device = bench.device(url, { ...FIVE, limits });
      await failure(device.host(HOST).getToken());
      away = false; // only now: a call that fails on a connection is evidence of its own
      await device.ready();
      return device.explain();
    },
  },
  {
    what: "a client that the app has suspended",
    name: "SUSPENDED",
    step: /resume\(\)/,
    cause: async (bench) => {
      const device = bench.device(await bench.cloud());
      await device.ready();
      device.auth.suspend();
      return device.explain();
    },
  },
  {
    what: "a client that the app has closed",
    name: "CLOSED",
    step: /make a new one/,
    cause: async (bench) => {
      const device = bench.device(await bench.cloud({ faults: { dropReplies: true } }), SOON);
      await device.ready();
      await failure(device.host(HOST).getToken());
      device.auth.close();
      return device.explain();
    },
  },
  {
    what: "a client that goes on after it was suspended",
    name: "OK",
    step: /Nothing keeps the client/,
    cause: async (bench) => {
      const device = bench.device(await bench.cloud());
      await device.ready();
      device.auth.suspend();
      device.auth.resume();
      await device.ready();
      return device.explain();
    },
  },
];

function message(topic: string, payload: string): Packet {
  return { cmd: "publish", topic, payload, qos: 0, retain: false, dup: false };
}
