import { createHmac, hkdfSync } from "node:crypto";
import mqtt, { type IPublishPacket } from "mqtt-packet";
import { Config } from "../../../firmware/config.js";
import { Counters } from "../../../firmware/counters.js";
import { Scratch } from "../../../firmware/crypto/scratch.js";
import { Status } from "../../../firmware/index.js";
import { MacProtection } from "../../../firmware/proof/mac-frames.js";
import { Call, CallTable } from "../../../firmware/rpc/calls.js";
import { Inbox } from "../../../firmware/rpc/inbox.js";
import type { RpcParts } from "../../../firmware/rpc/parts.js";
import { Requests } from "../../../firmware/rpc/requests.js";
import { Host, type HostCalls } from "../../../firmware/tokens/host.js";
import { type Channel, ChannelEvent } from "../../../firmware/transport/channel.js";
import { mqtt as transport } from "../../../firmware/transport/mqtt.js";
import { Outbox } from "../../../firmware/transport/outbox.js";
import { PeerWords } from "../../../firmware/transport/peer-words.js";
import { Method } from "../../../firmware/wire/frame/methods.js";
import { nodePorts } from "../../../host-sim/node/ports.js";

/** One device, one app, one request and its answer, as all codecs of the bench have them. */
export const DEVICE = "greenhouse_sensor_123";
export const HOST = "app.example.com";
export const METHOD = "/v1/Auth.GenerateToken";
export const REQUEST_TOPIC = `cloud/from/${DEVICE}/rpc`;
export const FIRST_ID = 123_456_789_012_345;
export const TOKEN_BYTES = 200;
export const REPLY_BYTES = 329;
const PSK = "c2VjcmV0IG9mIGEgZGV2aWNlIHRoYXQgaXMgbm90IG9uZQ";
const NONCE = Buffer.alloc(16, 7);
const COUNTER = 1;

const refuse = (): Status => Status.CLOSED;
const NO_CALLS: HostCalls = {
  getToken: refuse,
  generateToken: refuse,
  revokeToken: refuse,
  rejected: refuse,
};

/** The key of the MAC session that both sides of the bench hold. */
export function macKey(): Buffer {
  const key = hkdfSync("sha256", PSK, "", "motekey mac v1", 32);
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(COUNTER));
  return createHmac("sha256", Buffer.from(key)).update("s").update(counter).update(NONCE).digest();
}

/** `frame`, and behind it the sequence 0 and the MAC of this direction (`d` or `c`). */
export function signed(key: Buffer, direction: "c" | "d", frame: string): string {
  const said = `${frame}\n0`;
  const mac = createHmac("sha256", key).update(direction).update(said).digest("base64url");
  return `${said}.${mac}`;
}

/** An answer of 329 bytes with a token of 200, as a PUBLISH of QoS 1; signed where there is a key. */
export function replyPacket(key: Buffer | null): Buffer {
  const token = "eyJhbGciOiJFUzI1NiJ9.".padEnd(TOKEN_BYTES, "Zm9vYmFy");
  const frame = JSON.stringify({
    v: 2,
    src: "//api.mongoose-iot.com",
    dst: DEVICE,
    id: FIRST_ID,
    result: { token, expires_in: 3600 },
  });
  if (frame.length !== REPLY_BYTES)
    throw new Error(`the reply has ${frame.length} bytes, not ${REPLY_BYTES}`);
  return mqtt.generate({
    cmd: "publish",
    topic: `${DEVICE}/rpc`,
    payload: key === null ? frame : signed(key, "c", frame),
    qos: 1,
    messageId: 17,
    dup: false,
    retain: false,
  });
}

const config = (isMac: boolean): Config =>
  new Config(
    {
      deviceId: DEVICE,
      cloud: { host: "127.0.0.1" },
      credential: { psk: PSK, counter: COUNTER },
      proof: isMac ? "password+mac" : "password",
      allowInsecure: true,
    },
    nodePorts(),
    transport.hasExchange,
    new Scratch(),
  );

const entropy = { fill: (bytes: Uint8Array): void => void bytes.set(NONCE, 0) };

/** What a session would hand to its channel and its requests. */
const partsOf = (config: Config): RpcParts => {
  const counters = new Counters();
  const deliveries = new CallTable(1, FIRST_ID);
  const scratch = new Scratch();
  const protection = config.proof.frame.protection({ config, entropy, scratch });
  return {
    config,
    entropy,
    scratch,
    counters,
    protection,
    frames: null,
    encoding: null,
    deliveries,
    outbox: new Outbox(config.limits.sendBytes),
    inbox: new Inbox(config, protection, null, counters, deliveries),
    words: new PeerWords(),
    app: null,
  };
};

/** So that all frames are as long as the first: sequences begin anew. */
const rewind = ({ protection }: RpcParts): void => {
  if (!(protection instanceof MacProtection)) return;
  protection.session.sendSequence = 0;
  protection.session.receiveSequence = 0;
};

/** A channel that the broker let in. */
function channelOf(parts: RpcParts): Channel {
  const channel = transport.channel(parts);
  channel.open();
  parts.outbox.clear();
  const accepted = [
    mqtt.generate({ cmd: "connack", returnCode: 0, sessionPresent: false }),
    mqtt.generate({ cmd: "suback", messageId: 1, granted: [1] }),
  ];
  const bytes = Buffer.concat(accepted);
  if (channel.read(bytes, 0, bytes.length) !== ChannelEvent.READY)
    throw new Error("the channel is not ready");
  return channel;
}

/** The firmware's way out: one request, laid out in the one send buffer. */
export class Encoder {
  readonly outbox: Outbox;
  readonly call: Call;
  private readonly parts: RpcParts;
  private readonly requests: Requests;

  constructor(isMac: boolean) {
    const setUp = config(isMac);
    const parts = partsOf(setUp);
    this.parts = parts;
    this.outbox = parts.outbox;
    this.requests = new Requests(parts, channelOf(parts));
    this.call = new Call();
    this.call.method = Method.GENERATE_TOKEN;
    this.call.host = new Host(HOST, setUp.limits, NO_CALLS).bytes;
    this.call.id = FIRST_ID;
    this.call.packetIdentifier = 1;
    // The first frame of a MAC session announces it: not what is measured.
    parts.protection.prepare();
    this.encode();
  }

  encode(): void {
    const call = this.call;
    call.id++;
    call.packetIdentifier = (call.packetIdentifier % 65_535) + 1;
    this.outbox.to = 0;
    rewind(this.parts);
    if (this.requests.publish(call) !== Status.OK) throw new Error("the request does not fit");
  }
}

/** The firmware's way in: from bytes to the checked answer. */
export class Decoder {
  readonly inbox: Inbox;
  private readonly outbox: Outbox;
  private readonly channel: Channel;
  private readonly parts: RpcParts;

  constructor(isMac: boolean) {
    const parts = partsOf(config(isMac));
    this.parts = parts;
    parts.protection.prepare();
    this.inbox = parts.inbox;
    this.outbox = parts.outbox;
    this.channel = channelOf(parts);
  }

  decode(bytes: Uint8Array): void {
    const inbox = this.inbox;
    rewind(this.parts);
    const event = this.channel.read(bytes, 0, bytes.length);
    const isWhole = event === ChannelEvent.MESSAGE && inbox.isFrame && this.channel.at === bytes.length;
    this.outbox.to = 0;
    if (!isWhole || inbox.frame.tokenLength !== TOKEN_BYTES) throw new Error("the reply was not read");
  }
}

/** The one packet in these bytes, as mqtt-packet reads it. */
export function publishIn(bytes: Uint8Array): IPublishPacket {
  const packets: IPublishPacket[] = [];
  const parser = mqtt.parser();
  parser.on("packet", (packet) => packets.push(packet as IPublishPacket));
  parser.parse(Buffer.from(bytes));
  const [packet] = packets;
  if (packets.length !== 1 || packet === undefined) throw new Error("not one packet");
  return packet;
}
