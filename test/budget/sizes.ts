import { gzipSync } from "node:zlib";
import { bundleMinified } from "../../build/minified.mjs";
import { createAuth, type Ports, type Proof } from "../../firmware/index.js";
import { Codec } from "./codec.js";
import type { Figure } from "./figures.js";

/** The receive window of an adapter. */
const WINDOW_BYTES = 512;
const PROOFS: Proof[] = ["counter+mac", "password", "password+key", "digest"];
const HOSTS = ["app.example.com", "api.example.com", "files.example.com", "log.example.com"];

const NO_PORTS: Ports = {
  link: { open: () => {}, write: () => 0, close: () => {} },
  clock: { now: () => 0, wakeAfter: () => {}, cancel: () => {} },
  entropy: { fill: (bytes, from, to) => bytes.fill(7, from, to) },
  store: { read: () => -1, write: () => true },
};

/** Bytes of all buffers that an object leads to, each counted once. */
export function bufferBytes(root: object): number {
  const seen = new Set<object>();
  const buffers = new Set<ArrayBufferLike>();
  const left: object[] = [root];
  for (let object = left.pop(); object !== undefined; object = left.pop()) {
    if (seen.has(object)) continue;
    seen.add(object);
    if (ArrayBuffer.isView(object)) buffers.add(object.buffer);
    else left.push(...Object.values(object).filter((value) => typeof value === "object" && value !== null));
  }
  return [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
}

/** How long a request and the reply to it are in each spelling. */
function frameFigures(): Figure[] {
  return [false, true].flatMap((isCbor) => {
    const codec = new Codec(isCbor);
    const spelling = isCbor ? "CBOR" : "JSON";
    const shape = { unit: "B", tolerance: 0, note: "GenerateToken without a MAC; a token of 200 characters" };
    codec.write();
    return [
      { name: `request, ${spelling}`, value: codec.requestBytes, ...shape },
      { name: `reply, ${spelling}`, value: codec.replyBytes, ...shape },
    ];
  });
}

/** RAM of all buffers at default limits, and the size of the bundle. */
export async function sizeFigures(): Promise<Figure[]> {
  const figures: Figure[] = PROOFS.map((proof) => {
    const auth = createAuth(
      {
        deviceId: "device_123",
        cloud: { host: "broker.example.com" },
        credential: { psk: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", counter: 1 },
        proof,
        allowInsecure: true,
      },
      NO_PORTS,
    );
    for (const host of HOSTS) auth.host(host);
    return {
      name: `buffers at default limits, ${proof}`,
      value: bufferBytes(auth) + WINDOW_BYTES,
      unit: "B",
      tolerance: 0,
      aim: 4096,
      note: `four hosts, a store, and a receive window of ${WINDOW_BYTES}`,
    };
  });
  const minified = Buffer.from(await bundleMinified());
  const whole = Buffer.from(await bundleMinified({ isWhole: true }));
  figures.push(
    { name: "bundle, minified", value: minified.length, unit: "B", tolerance: 0, aim: 60_000 },
    { name: "bundle, minified and gzipped", value: gzipSync(minified, { level: 9 }).length, unit: "B" },
    { name: "bundle with every module, minified", value: whole.length, unit: "B", tolerance: 0, aim: 90_000 },
  );
  return [...figures, ...frameFigures()];
}
