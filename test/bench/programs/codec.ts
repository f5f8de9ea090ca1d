/** Encodes or decodes one packet again and again, by the firmware and by its peers, in one process. */
import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import mqtt, { type Packet } from "mqtt-packet";
import { interleave, type Samples } from "../samples.js";
import { answer, task } from "./task.js";
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

/** What is measured: nanoseconds an operation, and with `--expose-gc` bytes of garbage. */
export interface CodecTask {
  readonly what: "encode" | "decode";
  readonly rounds: number;
  readonly batchMs: number;
  /** Operations whose garbage is counted; 0: none is. */
  readonly garbageOps: number;
}

/** `copy` is a bare copy of the packet's bytes; `mac` and `macPeer` are the same with a MAC. */
export type CodecName = "ours" | "peer" | "copy" | "mac" | "macPeer";

/** What the program answers. */
export interface CodecAnswer {
  readonly ns: Samples<CodecName>;
  readonly garbage: { readonly ours: number; readonly peer: number };
}

type Operations = Record<CodecName, () => void>;

function encoders(): Operations {
  const plain = new Encoder(false);
  const mac = new Encoder(true);
  const key = macKey();
  const out = new Uint8Array(640);
  const frame = { v: 2, src: DEVICE, id: FIRST_ID, method: METHOD, args: { host: HOST } };
  let messageId = 1;
  let made: Buffer = Buffer.alloc(0);
  const generate = (payload: string): void => {
    messageId = (messageId % 65_535) + 1;
    made = mqtt.generate({
      cmd: "publish",
      topic: REQUEST_TOPIC,
      payload,
      qos: 1,
      messageId,
      dup: false,
      retain: false,
    });
  };
  const operations = {
    ours: () => plain.encode(),
    peer: () => {
      frame.id++;
      generate(JSON.stringify(frame));
    },
    copy: () => out.set(prepared, 0),
    mac: () => mac.encode(),
    macPeer: () => {
      frame.id++;
      generate(signed(key, "d", JSON.stringify(frame)));
    },
  };
  const same = (theirs: () => void, ours: Encoder): Uint8Array => {
    frame.id = ours.call.id - 1;
    messageId = ours.call.packetIdentifier - 1;
    theirs();
    const bytes = ours.outbox.bytes.slice(0, ours.outbox.to);
    assert.deepEqual(publishIn(bytes), publishIn(made), "both sides must say the same");
    return bytes;
  };
  mac.encode();
  same(operations.macPeer, mac);
  plain.encode();
  const prepared = same(operations.peer, plain);
  return operations;
}

function decoders(): Operations {
  const plain = new Decoder(false);
  const mac = new Decoder(true);
  const key = macKey();
  const reply = replyPacket(null);
  const macReply = replyPacket(key);
  const out = new Uint8Array(640);
  const parser = mqtt.parser();
  let isSigned = false;
  let token = "";
  parser.on("packet", (packet: Packet) => {
    if (packet.cmd !== "publish") throw new Error(packet.cmd);
    const payload = packet.payload as Buffer;
    const frame = isSigned ? verified(key, payload) : payload;
    token = JSON.parse(frame.toString()).result.token;
  });
  const parse = (bytes: Buffer): void => {
    isSigned = bytes === macReply;
    token = "";
    parser.parse(bytes);
    if (token.length !== TOKEN_BYTES) throw new Error("the reply was not read");
  };
  return {
    ours: () => plain.decode(reply),
    peer: () => parse(reply),
    copy: () => {
      for (let i = 0; i < reply.length; i++) out[i] = reply[i];
    },
    mac: () => mac.decode(macReply),
    macPeer: () => parse(macReply),
  };
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
  if (collect === undefined || count === 0) return Number.NaN;
  const rounds = [];
  for (let round = 0; round < 5; round++) {
    collect();
    const before = process.memoryUsage();
    for (let i = 0; i < count; i++) operation();
    const after = process.memoryUsage();
    rounds.push((after.heapUsed + after.external - before.heapUsed - before.external) / count);
  }
  return Math.min(...rounds);
}

const { what, rounds, batchMs, garbageOps } = await task<CodecTask>();
const operations = what === "encode" ? encoders() : decoders();
const ns = await interleave(
  {
    ours: sampler(operations.ours, batchMs),
    peer: sampler(operations.peer, batchMs),
    copy: sampler(operations.copy, batchMs),
    mac: sampler(operations.mac, batchMs),
    macPeer: sampler(operations.macPeer, batchMs),
  },
  rounds,
);
const said: CodecAnswer = {
  ns,
  garbage: { ours: garbage(operations.ours, garbageOps), peer: garbage(operations.peer, garbageOps) },
};
answer(said);
