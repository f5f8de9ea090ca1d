/** Encodes or decodes one packet again and again, by the firmware or by one of its peers, alone in its process. */
import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import mqtt, { type Packet } from "mqtt-packet";
import { answer, sampling, task } from "./task.js";
import {
  DEVICE,
  Decoder,
  Encoder,
  FIRST_ID,
  HOST,
  METHOD,
  macKey,
  publishIn,
  REQUEST_TOPIC,
  replyPacket,
  signed,
  TOKEN_BYTES,
} from "./wire.js";

/**
 * `ours` is what the firmware does, `whole` that and what somebody else has to do beside it where the peer does it
 * all: the link copies the request, the app makes a string of the token. `copy` is a bare copy of the packet's bytes;
 * `mac` (whole, too) and `macPeer` are the same with a MAC.
 */
export type CodecName = "ours" | "whole" | "peer" | "copy" | "mac" | "macPeer";

/** A sample is nanoseconds an operation. */
export interface CodecTask {
  readonly what: "encode" | "decode";
  readonly name: CodecName;
  readonly batchMs: number;
  /** Operations whose garbage is counted, bytes an operation, which is the only answer then; 0: none is. */
  readonly garbageOps: number;
}

const WARM_ROUNDS = 10;

type Operations = Record<CodecName, () => void>;

/** Without a MAC or with one; the other names do the same as these. */
function encoders(isMac: boolean): Operations {
  const ours = new Encoder(isMac);
  const key = macKey();
  const out = new Uint8Array(640);
  const frame = { v: 2, src: DEVICE, id: FIRST_ID, method: METHOD, args: { host: HOST } };
  let messageId = 1;
  let made: Buffer = Buffer.alloc(0);
  const peer = (): void => {
    const text = JSON.stringify(frame);
    frame.id++;
    messageId = (messageId % 65_535) + 1;
    made = mqtt.generate({
      cmd: "publish",
      topic: REQUEST_TOPIC,
      payload: isMac ? signed(key, "d", text) : text,
      qos: 1,
      messageId,
      dup: false,
      retain: false,
    });
  };
  const whole = (): void => {
    ours.encode();
    made = Buffer.from(ours.outbox.bytes.subarray(0, ours.outbox.to));
  };
  ours.encode();
  frame.id = ours.call.id;
  messageId = ours.call.packetIdentifier - 1;
  peer();
  const prepared = ours.outbox.bytes.slice(0, ours.outbox.to);
  assert.deepEqual(publishIn(prepared), publishIn(made), "both sides must say the same");
  const copy = (): void => out.set(prepared, 0);
  return { ours: () => ours.encode(), whole, peer, copy, mac: whole, macPeer: peer };
}

function decoders(isMac: boolean): Operations {
  const ours = new Decoder(isMac);
  const key = macKey();
  const reply = replyPacket(isMac ? key : null);
  const out = new Uint8Array(640);
  const parser = mqtt.parser();
  let token = "";
  const check = (): void => {
    if (token.length !== TOKEN_BYTES) throw new Error("the reply was not read");
  };
  parser.on("packet", (packet: Packet) => {
    if (packet.cmd !== "publish") throw new Error(packet.cmd);
    const payload = packet.payload as Buffer;
    const frame = isMac ? verified(key, payload) : payload;
    token = JSON.parse(frame.toString()).result.token;
  });
  const peer = (): void => {
    token = "";
    parser.parse(reply);
    check();
  };
  const whole = (): void => {
    ours.decode(reply);
    token = Buffer.from(ours.inbox.frame.staging.subarray(0, TOKEN_BYTES)).toString();
    check();
  };
  const copy = (): void => {
    for (let i = 0; i < reply.length; i++) out[i] = reply[i];
  };
  return { ours: () => ours.decode(reply), whole, peer, copy, mac: whole, macPeer: peer };
}

function verified(key: Buffer, payload: Buffer): Buffer {
  const dot = payload.length - 44;
  const mac = createHmac("sha256", key).update("c").update(payload.subarray(0, dot)).digest();
  const sent = Buffer.from(payload.toString("latin1", dot + 1), "base64url");
  if (!timingSafeEqual(mac, sent)) throw new Error("wrong MAC");
  return payload.subarray(0, payload.indexOf(10));
}

/** Nanoseconds an operation, over a batch of about `batchMs`. */
function sampler(operation: () => void, batchMs: number): () => number {
  let count = 16;
  return () => {
    for (;;) {
      const startedAt = process.hrtime.bigint();
      for (let i = 0; i < count; i++) operation();
      const ns = Number(process.hrtime.bigint() - startedAt);
      if (ns > batchMs * 500_000) return ns / count;
      count *= 2;
    }
  };
}

/** Bytes that an operation leaves on the heap. No collection runs in between: the young generation is large. */
function garbage(operation: () => void, count: number): number {
  const collect = globalThis.gc;
  if (collect === undefined) return Number.NaN;
  // The compiler's own garbage comes before.
  for (let i = 0; i < count * WARM_ROUNDS; i++) operation();
  const rounds = [];
  for (let round = 0; round < 5; round++) {
    collect();
    const before = process.memoryUsage();
    for (let i = 0; i < count; i++) operation();
    const after = process.memoryUsage();
    rounds.push((after.heapUsed + after.external - before.heapUsed - before.external) / count);
  }
  // What the first one frees was made before it.
  return Math.min(...rounds.slice(1));
}

const { what, name, batchMs, garbageOps } = await task<CodecTask>();
const isMac = name === "mac" || name === "macPeer";
const operation = (what === "encode" ? encoders(isMac) : decoders(isMac))[name];
if (garbageOps > 0) answer(garbage(operation, garbageOps));
else sampling(sampler(operation, batchMs));
