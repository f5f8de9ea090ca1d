import type { Encoding } from "./encoding.js";
import { recoveredBy } from "./recoverer.js";
import type { Voucher } from "./types.js";

/** Longest message that is looked at. */
export const MESSAGE_BYTES_MAX = 65_536;

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
  /** Ends all connections and takes none until `back`. @throws Error where the broker is another one */
  away(): void;
  /** Takes connections again, at the same port. */
  back(): Promise<void>;
  close(): Promise<void>;
}

/** What a channel hands messages to. */
export interface Receiver {
  /**
   * Takes a message that came on `cloud/from/<id>/rpc`, or on `cloud/from/<id>/rpc-cbor`.
   * @param voucher how the sender's connection was proved to be `id`'s, the only one that may send there; or "none"
   * @returns resolves, and never rejects, when the message was answered, refused or dropped
   */
  receive(
    channel: Sender,
    id: string,
    voucher: Voucher,
    message: Uint8Array,
    encoding: Encoding,
  ): Promise<void>;
}

/** What another broker is known to hold its clients to. */
export interface BrokerBinding {
  /** It binds `cloud/from/<id>/#` to the user `<id>`. */
  topicsBound: boolean;
  /** It asks us who may log in, and which topics are whose. */
  isHooked: boolean;
}

/**
 * How a sender's connection to another broker was proved, as far as we know. Nobody publishes as one that asks for a
 * counter but whom we let in as that.
 */
export function brokerVoucher(id: string, { topicsBound, isHooked }: BrokerBinding): Voucher {
  if (topicsBound) return "broker";
  return isHooked && recoveredBy(id) !== null ? "recover" : "none";
}

/** The topic that replies to a device are published on. */
export function replyTopic(id: string, encoding: Encoding): string {
  return id + ENDS[encoding];
}

/** The topic that a device publishes its requests on. */
export function requestTopic(id: string, encoding: Encoding): string {
  return FROM + id + ENDS[encoding];
}

const FROM = "cloud/from/";
const ENDS: Record<Encoding, string> = { json: "/rpc", cbor: "/rpc-cbor" };

/** Is this the topic that replies to somebody are published on? */
export function isReply(topic: string): boolean {
  return /^[A-Za-z0-9_-]+\/rpc(-cbor)?$/.test(topic);
}

/** The filter of all requests to the cloud in an encoding. */
export function requestFilter(encoding: Encoding): string {
  return requestTopic("+", encoding);
}

/** Who sends on a request's topic, and in what encoding; null when this is no such topic. */
export function requestSender(topic: string): { id: string; encoding: Encoding } | null {
  const parts = /^cloud\/from\/([^/]+)\/rpc(-cbor)?$/.exec(topic);
  if (parts === null) return null;
  return { id: parts[1] as string, encoding: parts[2] === undefined ? "json" : "cbor" };
}

/** Where the apps of devices have topics of their own: `app/<id>/…`. */
export const APP_TOPICS = "app/";

/** Is this topic, or filter, one of a device's frames: `<id>/rpc` and below, `<id>/rpc-cbor`? */
export function isOwnReply(id: string, topic: string): boolean {
  const own = replyTopic(id, "json");
  return topic === own || topic.startsWith(`${own}/`) || topic === replyTopic(id, "cbor");
}

/** Is this a topic below `cloud/from/<id>`? */
export function isOwnRequest(id: string, topic: string): boolean {
  return topic.startsWith(`${FROM}${id}/`);
}
