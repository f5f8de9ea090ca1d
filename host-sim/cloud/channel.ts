/** Where replies go out. */
export interface Sender {
  /** Sends a message to `<id>/rpc`. */
  send(id: string, message: Uint8Array): void;
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
   * Takes a message that came on `cloud/from/<id>/rpc`.
   * @param linkProved the sender's connection is proved to be `id`'s and the topic is bound to it
   */
  receive(channel: Sender, id: string, linkProved: boolean, message: Uint8Array): void;
}

/** The topic that replies to a device are published on. */
export function replyTopic(id: string): string {
  return `${id}/rpc`;
}

const FROM = "cloud/from/";
const RPC = "/rpc";

/** The filter of all requests to the cloud. */
export const REQUEST_FILTER = `${FROM}+${RPC}`;

/** The start of all topics that a device may publish on. */
export function ownTopics(id: string): string {
  return `${FROM}${id}/`;
}

/** The id in a request's topic, or null when this is no such topic. */
export function requestSender(topic: string): string | null {
  if (!topic.startsWith(FROM) || !topic.endsWith(RPC)) return null;
  const id = topic.slice(FROM.length, -RPC.length);
  return id === "" || id.includes("/") ? null : id;
}
