import assert from "node:assert/strict";
import { generate } from "mqtt-packet";
import type {
  LeanAuth,
  LeanMessage,
  LeanMessages,
  LeanMessagesOptions,
  LeanTraffic,
} from "../../firmware/espruino/api.js";
import { State, Status } from "../../firmware/index.js";
import { runEspruino } from "../../host-sim/espruino/natives.js";
import { Peer } from "../auth/peer.js";
import { Service } from "../auth/service.js";
import { SeededEntropy, VirtualClock, VirtualTime } from "../auth/time.js";
import { PSK } from "../auth/world.js";
import { leanSource, messagesSource } from "./device.js";
import { virtualNatives } from "./world.js";

export const ID = "device_123";
export const UP = "app/device_123/up";
export const DOWN = "app/device_123/down";
const source = await leanSource();
const messagesFile = await messagesSource();

type Messages = LeanMessages & LeanTraffic;

/** A message at QoS 0, as bytes. */
export const told = (topic: string, payload: string, retain = false): Buffer =>
  generate({ cmd: "publish", topic, payload, qos: 0, dup: false, retain });

/** A ready device whose broker acknowledges what MQTT has acknowledgements for. */
export class World {
  readonly time = new VirtualTime();
  readonly peer = new Peer(this.time, ID);
  readonly clock = new VirtualClock(this.time);
  readonly messages: Messages;
  readonly auth: LeanAuth;
  /** Statuses of everything, by name. */
  readonly ends: string[] = [];
  readonly heard: LeanMessage[] = [];

  constructor(options: LeanMessagesOptions = {}, sendBytes = 640) {
    const service = new Service(this.time);
    const { time, peer, clock } = this;
    const natives = virtualNatives({ link: peer, clock, entropy: new SeededEntropy(1) }, { time, peer });
    const module = runEspruino<{ Messages: new (options: LeanMessagesOptions) => Messages }>(
      messagesFile,
      natives,
    );
    this.messages = new module.Messages(options);
    peer.answer = (request) => service.answer(request);
    peer.intercept = (packet) => {
      const { messageId = 0 } = packet;
      if (packet.cmd === "unsubscribe") peer.send({ cmd: "unsuback", messageId, granted: [] });
      if (packet.cmd !== "publish" || !packet.topic.startsWith("app/")) return packet.cmd === "unsubscribe";
      if (packet.qos === 1) peer.send({ cmd: "puback", messageId });
      peer.requests.pop();
      return true;
    };
    this.auth = runEspruino(source, natives).createAuth({
      deviceId: ID,
      cloud: { host: "cloud.example.com" },
      credential: { psk: PSK, counter: 1 },
      proof: "counter",
      allowInsecure: true,
      limits: { sendBytes },
      messages: this.messages,
    });
    for (let i = 0; i < 1000 && this.auth.state !== State.READY; i++) time.advance(5);
    assert.equal(State[this.auth.state], "READY");
    time.advance(100);
  }

  /** Subscribes; its end is told in `ends`. */
  subscribe(filter: string): Status {
    return this.messages.subscribe(
      filter,
      (message) => this.heard.push(message),
      (status) => this.ends.push(Status[status]),
    );
  }

  publish(payload: string, qos: 0 | 1 = 1): Status {
    return this.messages.publish(UP, payload, qos, (status) => this.ends.push(Status[status]));
  }

  advance(ms: number): this {
    this.time.advance(ms);
    return this;
  }

  /** Names of the packets that were sent from a place on. */
  sent(from = 0): string[] {
    return this.peer.packets.slice(from).map(({ cmd }) => cmd);
  }

  /** How a token call ends within a while. */
  token(): string {
    let name = "pending";
    this.auth.host("app.example.com").generateToken((status) => {
      name = Status[status];
    });
    this.advance(2_000);
    return name;
  }
}
