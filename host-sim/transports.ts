import { mqtt, type Transport } from "../firmware/index.js";
import { mqtt5 } from "../firmware/mqtt5.js";
import { mqttOverWebSocket, rpcOverWebSocket } from "../firmware/websocket.js";

/** How a simulated device's frames may travel: MQTT 3.1.1 or 5 (`mqtt5`), in a WebSocket (`+ws`), or without MQTT. */
export const TRANSPORTS = ["mqtt", "mqtt5", "mqtt+ws", "mqtt5+ws", "rpc+ws"] as const;

/** One of {@link TRANSPORTS}. */
export type TransportName = (typeof TRANSPORTS)[number];

/** Where a cloud listens. */
export interface CloudUrls {
  readonly mqttUrl: string;
  readonly wsUrl?: string;
  readonly rpcUrl?: string;
}

/** A cloud's address, taken apart. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The link is TLS. */
  readonly isSecure: boolean;
  readonly transport: Transport;
}

const PORTS: Readonly<Record<string, number>> = { "mqtt:": 1883, "mqtts:": 8883, "ws:": 80, "wss:": 443 };

/**
 * Takes `mqtt://host:port` or `ws://host:port/path` apart, or with TLS `mqtts:` and `wss:`.
 * @param cloud the URL, or a cloud that knows its own
 * @throws Error for a URL that does not fit the transport, or that has a user: a device has none but its own
 */
export function endpointOf(cloud: string | CloudUrls, name: TransportName = "mqtt"): Endpoint {
  const text = typeof cloud === "string" ? cloud : urlOf(cloud, name);
  const url = URL.canParse(text) ? new URL(text) : null;
  const schemes = name.endsWith("+ws") ? ["ws:", "wss:"] : ["mqtt:", "mqtts:"];
  if (url === null || !schemes.includes(url.protocol) || url.hostname === "" || url.username !== "") {
    const shown = schemes.map((scheme) => `${scheme}//host:port`).join(" or ");
    throw new Error(`motekey: a device's cloud must be ${shown}, without user and password`);
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (PORTS[url.protocol] ?? 0) : Number(url.port),
    isSecure: url.protocol === "mqtts:" || url.protocol === "wss:",
    transport: transportOf(name, url),
  };
}

/** Where a cloud is reached by this transport; "" where it is not. */
export function urlOf(cloud: CloudUrls, name: TransportName): string {
  if (!name.endsWith("+ws")) return cloud.mqttUrl;
  return (name === "rpc+ws" ? cloud.rpcUrl : cloud.wsUrl) ?? "";
}

/** A URL without a path stands for the usual one. */
function transportOf(name: TransportName, { pathname, search }: URL): Transport {
  const path = (usual: string): string => (pathname === "/" && search === "" ? usual : pathname + search);
  switch (name) {
    case "mqtt":
      return mqtt;
    case "mqtt5":
      return mqtt5;
    case "mqtt+ws":
      return mqttOverWebSocket(mqtt, path("/mqtt"));
    case "mqtt5+ws":
      return mqttOverWebSocket(mqtt5, path("/mqtt"));
    case "rpc+ws":
      return rpcOverWebSocket(path("/rpc"));
  }
}
