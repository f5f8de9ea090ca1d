/** What a device keeps in its store: the same bytes on every engine. This file runs inside the engines, as `suite.ts` does. */

import { Scratch } from "../../firmware/crypto/scratch.js";
import { createAuth, type Store, type Waker } from "../../firmware/index.js";
import { whose } from "../../firmware/proof/owner.js";
import { COUNTER_RECORD_BYTES, CounterBlock } from "../../firmware/store/counter-block.js";
import { Keeper } from "../../firmware/store/keeper.js";
import { KeptRecord, PAYLOAD_AT, RecordKind, writeUint32 } from "../../firmware/store/record.js";
import { bytesOf, copyBytes } from "../../firmware/wire/bytes.js";

/** `bytes[from..to)` in hexadecimal. */
export function hex(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += (bytes[i] + 256).toString(16).substr(1);
  return text;
}

/** The bytes that a text in hexadecimal stands for. */
export function bytesOfHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.substr(2 * i, 2), 16);
  return bytes;
}

/** A store in memory that can tell what lies in it. */
function memoryStore(): { store: Store; text: () => string } {
  const names: string[] = [];
  const values: Uint8Array[] = [];
  const store: Store = {
    read: (name, into) => {
      const at = names.indexOf(name);
      if (at < 0) return -1;
      into.set(values[at], 0);
      return values[at].length;
    },
    write: (name, bytes, length) => {
      const value = new Uint8Array(length);
      for (let i = 0; i < length; i++) value[i] = bytes[i];
      const at = names.indexOf(name);
      if (at < 0) names.push(name);
      values[at < 0 ? names.length - 1 : at] = value;
      return true;
    },
  };
  const text = () => {
    let all = "";
    for (let i = 0; i < names.length; i++) all += ` ${names[i]} ${hex(values[i], 0, values[i].length)}`;
    return all;
  };
  return { store, text };
}

/** Two boots, the first from just below 2^32 on, over a block's end, and what lies in the store then. */
export function counterBlocks(): string {
  const memory = memoryStore();
  const buffer = new Uint8Array(COUNTER_RECORD_BYTES);
  const first = new CounterBlock(4_294_967_280, new Keeper(memory.store), buffer);
  for (let i = 0; i < 65; i++) first.next();
  const second = new CounterBlock(0, new Keeper(memory.store), buffer);
  return `${first.latest} ${second.next()}${memory.text()}`;
}

/** A token that slept in the store, told without a connection; what lies there meanwhile, and after the next end. */
export function tokenOverSleep(): string {
  const memory = memoryStore();
  const keeper = new Keeper(memory.store);
  const record = new KeptRecord(keeper, "motekey-h0", RecordKind.VACANT, RecordKind.TOKEN);
  const buffer = new Uint8Array(64);
  const host = bytesOf("app.example.com");
  const token = bytesOf("a.token");
  const owner = bytesOf("device_123\nbroker.example.com:1883\n//api.mongoose-iot.com");
  const layOut = (into: Uint8Array): number => {
    writeUint32(into, PAYLOAD_AT, whose(new Scratch(), bytesOf("key"), owner));
    writeUint32(into, PAYLOAD_AT + 4, 3_600);
    writeUint32(into, PAYLOAD_AT + 8, 60);
    into[PAYLOAD_AT + 12] = host.length;
    const tokenAt = copyBytes(into, PAYLOAD_AT + 13, host, 0, host.length);
    return copyBytes(into, tokenAt, token, 0, token.length) - PAYLOAD_AT;
  };
  record.save(RecordKind.TOKEN, buffer, { layOut });

  const driver: { waker?: Waker } = {};
  let told = "";
  const auth = createAuth(
    {
      deviceId: "device_123",
      cloud: { host: "broker.example.com" },
      credential: { psk: "key" },
      sleptMs: 300_000,
    },
    {
      link: { open: () => {}, write: () => 0, close: () => {} },
      clock: {
        now: () => 0,
        wakeAfter: (_delayMs, waker) => {
          driver.waker = waker;
        },
        cancel: () => {},
      },
      entropy: { fill: () => {} },
      store: memory.store,
    },
  );
  auth.host("app.example.com").getToken((status, answer) => {
    if (answer !== null) told = `${status} ${hex(answer.bytes, 0, answer.length)} ${answer.remainingMs}`;
  });
  if (driver.waker !== undefined) driver.waker.turn();
  told += memory.text();
  auth.close();
  return `${told} then${memory.text()}`;
}
