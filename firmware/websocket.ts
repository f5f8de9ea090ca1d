/**
 * WebSocket (RFC 6455) as a transport, for networks that let nothing but the web through. It is a separate module,
 * so that an app that does not import it does not carry it.
 */
import { checkGroup, type Group, Kind } from "./options.js";
import type { Channel, ChannelParts, Transport } from "./transport/channel.js";
import { MqttOverWebSocket } from "./transport/websocket-mqtt.js";
import { RpcOverWebSocket } from "./transport/websocket-rpc.js";

/** @construction */
const transportGroup = (): Group => ({
  rows: { channel: Kind.FUNCTION },
  isNeeded: true,
  from: "mqtt, or mqtt5 of motekey/mqtt5",
});

/** Printable ASCII from a slash on: what may stand in a request line (RFC 9112, 3.2.1). @construction */
const checkPath = (path: string): void => {
  checkGroup("", { path }, { rows: { path: Kind.NAME + Kind.NEEDED } });
  let isGood = path.charCodeAt(0) === 0x2f;
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f || c === 0x23) isGood = false;
  }
  if (!isGood)
    throw new Error(`motekey: the WebSocket's path ${path} must begin with / and be printable ASCII`);
};

/**
 * MQTT in a WebSocket's binary messages, subprotocol `mqtt`.
 *
 * @param mqtt the MQTT transport that travels inside
 * @param path `/mqtt` at most brokers
 * @construction
 * @throws Error when `mqtt` is no transport, or the path cannot stand in a request
 */
export const mqttOverWebSocket = (mqtt: Transport, path: string): Transport => {
  checkGroup("", { mqtt }, { rows: { mqtt: transportGroup() } });
  checkPath(path);
  return {
    name: `${mqtt.name}+ws`,
    hasExchange: mqtt.hasExchange,
    hasTopics: true,
    /** @construction */
    channel: (parts: ChannelParts): Channel => new MqttOverWebSocket(parts, mqtt, path),
  };
};

/**
 * Frames in a WebSocket's text messages, without MQTT: subprotocol `clubby.cesanta.com`. A password or counter goes
 * into the handshake as HTTP Basic (RFC 7617).
 *
 * @param path `/rpc` as documented
 * @construction
 * @throws Error when the path cannot stand in a request
 */
export const rpcOverWebSocket = (path: string): Transport => {
  checkPath(path);
  return {
    name: "rpc+ws",
    hasExchange: false,
    hasTopics: false,
    /** @construction */
    channel: (parts: ChannelParts): Channel => new RpcOverWebSocket(parts, path),
  };
};
