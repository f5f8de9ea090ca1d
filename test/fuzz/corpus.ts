import { readFile, writeFile } from "node:fs/promises";
import type { Fuzzer } from "./fuzzer.js";

const words = (text: string): Buffer[] => text.split(" ").map((word) => Buffer.from(word));
const items = (text: string): Buffer[] => text.split(" ").map((hex) => Buffer.from(hex, "hex"));
/** A CBOR text item. */
const cborText = (text: string): Buffer => Buffer.concat([Buffer.of(0x60 + text.length), Buffer.from(text)]);

const NAMES =
  "v src dst id method nr result error token exist success expires_in time ext cbor code message host";
const MEMBERS = NAMES.split(" ").concat("retry_after", "device_1");
const JSON_WORDS = words(
  '{ } [ ] "a": "b": , : true false null 0 -1 1.5e3 "\\u00e9" "\\ud83d\\ude00" "é" "\\n"',
);
const CBOR_WORDS = items(
  "a0 80 bf 9f ff f4 f5 f6 f7 f93c00 fa3f800000 fb3ff0000000000000 1818 190100 5f 7f 6161 c1",
);
const MQTT_WORDS = items(
  "20020000 9003000101 40020001 d000 300500016162 320700016100016869 e000 f000 00 26 1f",
);

const HEAD_LINES = [
  "HTTP/1.1 101 Switching Protocols",
  "HTTP/1.0 404 Not Found",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  "Sec-WebSocket-Protocol: mqtt",
  "Sec-WebSocket-Extensions: ",
  "keep-alive, ",
  "",
].map((line) => Buffer.from(`${line}\r\n`));

const FRAME_WORDS = [
  ...[...JSON_WORDS, Buffer.from('{"v":2,"id":7,"result":'), Buffer.from('"//api.mongoose-iot.com"')],
  ...MEMBERS.map((name) => Buffer.from(`"${name}":`)),
];
/** An answer to Counter, with the MAC that proves it to the target. */
const COUNTER_WORDS = words('"c": "c":7 "c":7.0 "mac": "mac":"ZQEHYvK8j8vCT1ZzzCIb0nYt6XlBA5QsM5rUHjTy1FA"');

/** What inputs of each target may be made of, beside bytes. */
export const DICTIONARY: Readonly<Record<string, readonly Buffer[]>> = {
  json: JSON_WORDS,
  cbor: CBOR_WORDS,
  "frame-json": FRAME_WORDS,
  "frame-cbor": [...CBOR_WORDS, ...MEMBERS.map(cborText), Buffer.from("a3617602626964076672", "hex")],
  counter: [...FRAME_WORDS, ...COUNTER_WORDS],
  mqtt: MQTT_WORDS,
  mqtt5: MQTT_WORDS,
  websocket: items("8100 8103616263 0101 80 8800 880203e8 8900 8a00 817e 827f 0200"),
  handshake: HEAD_LINES,
};

const pathOf = (target: string): URL => new URL(`corpus/${target}.txt`, import.meta.url);

/** The kept inputs of a target, one a line in hexadecimal. */
export async function readCorpus(target: string): Promise<Buffer[]> {
  const text = await readFile(pathOf(target), "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => Buffer.from(line, "hex"));
}

/** Keeps inputs, shortest first, as long as each adds to those before it. */
export async function writeCorpus(target: string, inputs: readonly Buffer[], fresh: Fuzzer): Promise<number> {
  for (const input of [...inputs].sort((a, b) => a.length - b.length)) fresh.try(input);
  await writeFile(pathOf(target), fresh.corpus.map((input) => `${input.toString("hex")}\n`).join(""));
  return fresh.corpus.length;
}
