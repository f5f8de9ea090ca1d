import { generate } from "mqtt-packet";
import { Status } from "../../firmware/index.js";
import type { MessagePiece, Messages } from "../../firmware/messages.js";
import { World } from "./world.js";

export const DOWN = "app/device_123/down";
export const UP = "app/device_123/up";

/** A ready world whose app has messages, and whose broker acknowledges what MQTT has acknowledgements for. */
export function worldWith(messages: Messages): World {
  const world = new World({ messages });
  world.peer.intercept = (packet) => {
    if (packet.cmd === "unsubscribe")
      world.peer.send({ cmd: "unsuback", messageId: packet.messageId as number, granted: [] });
    const isApps = packet.cmd === "publish" && packet.topic.startsWith("app/");
    if (!isApps) return packet.cmd === "unsubscribe";
    if (packet.qos === 1) world.peer.send({ cmd: "puback", messageId: packet.messageId as number });
    world.peer.requests.pop();
    return true;
  };
  return world.ready();
}

export const told = (topic: string, payload: string): Buffer =>
  generate({ cmd: "publish", topic, payload, qos: 0, dup: false, retain: false });

/** How a subscription was answered, so far. */
export function subscribe(
  messages: Messages,
  filter: string,
  onPiece: (piece: MessagePiece) => void = () => {},
) {
  const outcome = { name: "pending" };
  const status = messages.subscribe(filter, onPiece, (end) => {
    outcome.name = Status[end];
  });
  if (status !== Status.OK) outcome.name = Status[status];
  return outcome;
}

export const textOf = ({ bytes, from, to }: MessagePiece): string =>
  Buffer.from(bytes.subarray(from, to)).toString();
