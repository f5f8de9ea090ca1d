import type { Encoding } from "./encoding.js";

/** Where replies go out. */
export interface Sender {
  /** Sends a message to `<id>/rpc`, or `<id>/rpc-cbor`. */
  send(id: string, message: Uint8Array, encoding: Encoding): void;
}

/** The MQTT side of the cloud: its own broker, or its connection to another one. */
export interface Channel extends Sender {
  /** Without user and password. */
  readonly url: string;
  readonly port: number;
  /** Closes the connection of a client; false when it has none here. */
  kick(id: string): boolean;
  kickAll(): void;
  close(): Promise<void>;
}

/** What a channel hands messages to. */
export interface Receiver {
  /**
   * Takes a message that came on `cloud/from/<id>/rpc`, or on `cloud/from/<id>/rpc-cbor`.
   * @param linkProved the sender's connection is proved to be `id`'s and the topic is bound to it
   */
  receive(channel: Sender, id: string, linkProved: boolean, message: Uint8Array, encoding: Encoding): void;
}

/** The topic that replies to a device are published on. */
export function replyTopic(id: string, encoding: Encoding): string {
  return id + ENDS[encoding];
}

const FROM = "cloud/from/";
const ENDS: Record<Encoding, string> = { json: "/rpc", cbor: "/rpc-cbor" };

/** The filters of all requests to the cloud. */
export const REQUEST_FILTERS: string[] = Object.values(ENDS).map((end) => `${FROM}+${end}`);

/** Who sends on a request's topic, and in what encoding; null when this is no such topic. */
export function requestSender(topic: string): { id: string; encoding: Encoding } | null {
  const parts = /^cloud\/from\/([^/]+)\/rpc(-cbor)?$/.exec(topic);
  if (parts === null) return null;
  return { id: parts[1] as string, encoding: parts[2] === undefined ? "json" : "cbor" };
}

/** Where a device's app may publish and subscribe as it likes. */
function isAppTopic(id: string, topic: string): boolean {
  return topic.startsWith(`app/${id}/`);
}

/** May the client publish on this topic? */
export function mayWrite(id: string, topic: string): boolean {
  return topic.startsWith(`${FROM}${id}/`) || isAppTopic(id, topic);
}

/** Is this topic, or filter, within what the client may read: `<id>/rpc` and below, `<id>/rpc-cbor`, its app's? */
export function mayRead(id: string, topic: string): boolean {
  const own = replyTopic(id, "json");
  if (isAppTopic(id, topic)) return true;
  return topic === own || topic.startsWith(`${own}/`) || topic === replyTopic(id, "cbor");
}
