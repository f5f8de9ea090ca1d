/**
 * What every engine must do alike, bit for bit. This file runs inside the engines, so it keeps to their shared
 * language and knows no Node; `engines.test.ts` runs it in each and compares.
 */
import { readBase64url, writeBase64url } from "../../firmware/crypto/base64.js";
import { sameSecret } from "../../firmware/crypto/compare.js";
import { hkdf32 } from "../../firmware/crypto/hkdf.js";
import { HmacKey, hmacBegin, hmacEnd } from "../../firmware/crypto/hmac.js";
import { unitInterval } from "../../firmware/crypto/jitter.js";
import { Scratch } from "../../firmware/crypto/scratch.js";
import { Sha256 } from "../../firmware/crypto/sha256.js";
import { counterKey, writeCounterPassword } from "../../firmware/proof/counter.js";
import { writeDigestResponse } from "../../firmware/proof/digest.js";
import { MacSession } from "../../firmware/proof/mac.js";
import { isCounterProved, writeRecoveryPassword } from "../../firmware/proof/recover.js";
import { bytesOf, writeDecimal, writeJsonText } from "../../firmware/wire/bytes.js";
import { JsonReader } from "../../firmware/wire/json/json.js";
import {
  PacketType,
  writeAck,
  writeConnect,
  writeDisconnect,
  writePingreq,
  writePublishHeader,
  writeSubscribe,
  writeUnsubscribe,
} from "../../firmware/wire/mqtt/mqtt.js";
import { MqttEvent, MqttReader } from "../../firmware/wire/mqtt/reader.js";
import { ValueEvent } from "../../firmware/wire/value.js";
import { cborItems, cwtLifetimes, shown } from "./suite-cbor.js";
import { firstFlight } from "./suite-flight.js";
import { firstFlight5, mqtt5Reader } from "./suite-mqtt5.js";
import { optionVerdicts } from "./suite-options.js";
import { recoveryFlight } from "./suite-recovery.js";
import { nextKeyOpened } from "./suite-rotation.js";
import { bytesOfHex, counterBlocks, hex, tokenOverSleep } from "./suite-store.js";
import {
  handshakeVerdicts,
  sampleAccept,
  sha1AtEveryLength,
  webSocketEvents,
  webSocketFlight,
  webSocketFrames,
} from "./suite-websocket.js";

export { readCbor } from "./suite-cbor.js";

/** One thing to do; its result is text: hexadecimal bytes, or what was seen. */
export interface EngineCase {
  name: string;
  /** The result from elsewhere: a standard's, or that of Node's crypto. */
  expected?: string;
  run(): string;
}

const out = new Uint8Array(1024);
const psk = bytesOf("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
const device = bytesOf("device_123");
const hash = new Sha256();

/** Bytes that look random and are the same everywhere: the low bytes of a generator modulo the prime 65,537. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = length;
  for (let i = 0; i < length; i++) {
    x = (x * 75 + 74) % 65537;
    bytes[i] = x & 255;
  }
  return bytes;
}

/** Exact everywhere: Espruino's `Math.pow` is not. */
function powerOfTwo(exponent: number): number {
  let value = 1;
  for (let i = 0; i < exponent; i++) value *= 2;
  return value;
}

function sha256(bytes: Uint8Array): string {
  hash.update(bytes, 0, bytes.length);
  hash.digest(out, 0);
  return hex(out, 0, 32);
}

function sha256AtEveryLength(): string {
  const bytes = noise(200);
  for (let length = 0; length <= 200; length++) {
    hash.update(bytes, 0, length);
    hash.digest(out, 512);
    for (let i = 0; i < 32; i++) out[i] = (length === 0 ? 0 : out[i]) ^ out[512 + i];
  }
  return hex(out, 0, 32);
}

function hmac(keyLength: number): string {
  const key = new HmacKey();
  const bytes = noise(330);
  key.set(hash, bytes, keyLength);
  hmacBegin(hash, key);
  hash.update(bytes, 0, bytes.length);
  hmacEnd(hash, key, out, 0);
  return hex(out, 0, 32);
}

function hkdf(): string {
  hkdf32(hash, new HmacKey(), psk, bytesOf("motekey mac v1"), out);
  return hex(out, 0, 32);
}

function base64url(): string {
  const bytes = noise(100);
  let text = "";
  for (let length = 0; length < 4; length++) {
    const end = writeBase64url(out, 0, bytes, 0, 97 + length);
    const back = readBase64url(out, 512, out, 0, end);
    text += `${hex(out, 0, end)} ${back - 512} ${sameSecret(out, 512, bytes, 0, 97 + length)}\n`;
  }
  return text;
}

function counterPassword(): string {
  const key = new HmacKey();
  counterKey(hash, key, psk);
  let text = "";
  for (let power = 0; power <= 52; power += 13) {
    const end = writeCounterPassword(out, hash, key, device, powerOfTwo(power));
    text += `${hex(out, 0, end)} `;
  }
  return text;
}

function recovery(): string {
  const scratch = new Scratch();
  const whose = { psk, deviceId: device };
  const nonce = bytesOfHex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  const mac = bytesOf("W45jh2R2CfgQfDM5nxUS9_ujgBTWyzxQg-DQ_X91YyY");
  writeRecoveryPassword(out, scratch, whose, nonce);
  const isRight = isCounterProved(mac, mac.length, scratch, whose, nonce, 4294967361);
  return `${hex(out, 0, 66)} ${isRight}`;
}

function macSession(): string {
  const session = new MacSession();
  const receiving = new Sha256();
  session.begin(hash, psk, 4294967301, noise(16));
  out.set(noise(300), 0);
  const end = session.sign(hash, out, 0, 300);
  const second = session.sign(hash, out, 0, 300);
  session.receiveBegin(receiving);
  receiving.update(out, 0, 300);
  session.receiveTrailer(receiving, out, 300, second);
  // Signed as the device's, so it is no frame of the cloud: MAC_WRONG.
  return `${end} ${hex(out, 300, second)} ${session.receiveEnd(receiving)}`;
}

function digestResponse(): string {
  const realm = bytesOf("example.org");
  const nonce = bytesOf("1753000000");
  const challenge = { realm, realmLength: realm.length, nonce, nonceLength: nonce.length };
  writeDigestResponse(out, hash, { user: device, psk }, challenge, { nc: 1, cnonce: 1234567890123 });
  return hex(out, 0, 64);
}

function spread(): string {
  const key = new HmacKey();
  key.set(hash, psk, psk.length);
  let text = "";
  for (let generation = 0; generation < 5; generation++) {
    text += `${unitInterval(hash, key, device, device.length, generation) * powerOfTwo(48)} `;
  }
  return text;
}

function decimals(): string {
  let text = "";
  for (let power = 0; power <= 53; power++) {
    const end = writeDecimal(out, 0, powerOfTwo(power) - 1);
    text += `${hex(out, 0, end)} `;
  }
  return text;
}

function jsonText(): string {
  const text = 'plain "quoted" back\\slash \u0000\b\t\n\f\r\u001f \u007f é 中 😀';
  const end = writeJsonText(out, 0, text);
  return hex(out, 0, end);
}

/** Reads JSON given in hexadecimal, in windows of `size` bytes, and tells the events; strings and keys too. */
export function readJson(text: string, size: number): string {
  const bytes = bytesOfHex(text);
  const kept = new Uint8Array(4096);
  const reader = new JsonReader(16, 32);
  let events = "";
  let at = 0;
  while (reader.status === 0) {
    const end = Math.min(at + size, bytes.length);
    reader.capture(kept, 0, kept.length);
    const event = at < bytes.length ? reader.read(bytes, at, end) : reader.finish();
    at = at < bytes.length ? reader.at : at;
    if (event === ValueEvent.MORE) continue;
    events += `${event}/${reader.depth} `;
    if (event === ValueEvent.KEY) events += `${hex(reader.key, 0, Math.min(reader.keyLength, 32))} `;
    if (event === ValueEvent.STRING) events += `${hex(kept, 0, reader.textLength)} `;
    if (event === ValueEvent.NUMBER) events += `${shown(reader.number)} ${reader.isInteger} `;
    if (event === ValueEvent.END || event === ValueEvent.REFUSED) break;
  }
  return `${events}at ${at} status ${reader.status}`;
}

/** Every writer, one packet behind the other. */
function mqttPackets(): string {
  const fields = {
    clientId: device,
    userName: device,
    password: psk,
    passwordLength: psk.length,
    keepAliveSeconds: 60,
    cleanSession: true,
  };
  const topic = bytesOf("device_123/rpc");
  let at = writeConnect(out, 0, fields);
  at = writeSubscribe(out, at, 1, topic, 1);
  at = writePublishHeader(out, at, {
    topic,
    topicLength: topic.length,
    packetIdentifier: 2,
    qos: 1,
    dup: true,
    payloadLength: 300,
  });
  at = writeAck(out, at, PacketType.PUBACK, 65535);
  at = writeAck(out, at, PacketType.PUBREL, 258);
  at = writeUnsubscribe(out, at, 3, topic);
  at = writePingreq(out, at);
  at = writeDisconnect(out, at);
  return hex(out, 0, at);
}

/** CONNACK, SUBACK, a PUBLISH of 5 bytes, PUBACK, PINGRESP, and a type that no server sends. */
const FROM_BROKER = bytesOfHex(
  "20020100900300010132100003612f6200076869206d6f7465400200 02d000c000".split(" ").join(""),
);

function mqttEvents(size: number): string {
  const reader = new MqttReader(32);
  let events = "";
  let at = 0;
  while (at < FROM_BROKER.length) {
    const event = reader.read(FROM_BROKER, at, Math.min(at + size, FROM_BROKER.length));
    at = reader.at;
    if (event === MqttEvent.MORE) continue;
    if (event === MqttEvent.PAYLOAD) events += hex(FROM_BROKER, reader.payloadFrom, reader.payloadTo);
    else events += ` ${event}:${reader.packetIdentifier}:${reader.returnCode}`;
    if (event === MqttEvent.PUBLISH) events += `:${hex(reader.topic, 0, reader.topicLength)} `;
    if (event === MqttEvent.REFUSED) break;
  }
  return `${events} status ${reader.status}`;
}

/** All cases, in the order they run. */
export const cases: EngineCase[] = [
  {
    name: "SHA-256 of abc (FIPS 180-4)",
    expected: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    run: () => sha256(bytesOf("abc")),
  },
  { name: "SHA-256 of 0 to 200 bytes", run: sha256AtEveryLength },
  {
    name: "HMAC with a key of 20 bytes",
    expected: "95cf805843d9b924c41f0ba0e70b2fb5044d3c078460fcb3a23f155b6a2a3e21",
    run: () => hmac(20),
  },
  {
    name: "HMAC with a key of 64 bytes",
    expected: "15c0f2e0f0c0845153524fbbd4f82cb24b1bdf25f1c0011883c9c359e6d9a3fa",
    run: () => hmac(64),
  },
  {
    name: "HMAC with a key of 131 bytes",
    expected: "d517bdde84011d9280e42f0cfc848f87954f7df8f564777e4a1a108fee5f8cb3",
    run: () => hmac(131),
  },
  {
    name: "HKDF of the MAC's key",
    expected: "a6a3af24d8207260c51c5de1ab54007d2569d8b11fe16746e99d885371aaa299",
    run: hkdf,
  },
  { name: "base64url there and back", run: base64url },
  { name: "the counter password, counters up to 2^52", run: counterPassword },
  {
    name: "the password that asks for a counter, and the check of its answer (B8)",
    expected:
      "38504879385f5431397666342d6672375f50332d5f772e524245524d4a614d596a3767384f5835386436752d61703872414d44743830654c77366a384e6950397045 true",
    run: recovery,
  },
  { name: "a MAC session signs two frames and refuses its own", run: macSession },
  { name: "the digest response", run: digestResponse },
  { name: "the spread of refreshes", run: spread },
  { name: "decimals up to 2^53 - 1", run: decimals },
  { name: "JSON text with every kind of escape", run: jsonText },
  { name: "CBOR items of every kind that is written", run: cborItems },
  { name: "a CWT's lifetime and MAC", expected: "0 900 0 900 129 -1 ", run: cwtLifetimes },
  { name: "every MQTT packet a client writes", run: mqttPackets },
  { name: "the first flight with counter and MAC", run: () => firstFlight("counter+mac", null) },
  {
    name: "a counter that is behind: the question, its answer, and a token on the next connection (B8)",
    expected: "0 612e746f6b656e after 3 connections, 1 recovery",
    run: () => recoveryFlight(1_000).end,
  },
  {
    name: "an ephemeral public key, X25519 in steps",
    expected: "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a",
    run: () => nextKeyOpened().x,
  },
  {
    name: "the next key, agreed on and opened",
    expected: "494345694979516c4a69636f4b536f724c4330754c7a41784d6a4d304e5459334f446b364f7a7739506a38",
    run: () => nextKeyOpened().key,
  },
  { name: "all that it says meanwhile", run: () => recoveryFlight(1_000).sent },
  { name: "the same where it is answered byte by byte", run: () => recoveryFlight(1).sent },
  { name: "the first flight with password and key", run: () => firstFlight("password+key", null) },
  {
    name: "every MQTT 5 packet with properties, in windows of several sizes",
    expected:
      " 2:0:0:10:4096:30:796573: 9:1:1:65535:Infinity:-1:: 4:2:16:65535:Infinity:-1:: 3:7:0:65535:Infinity:-1::01027b7d0a 17:7:0:65535:Infinity:-1::0102 15:0:24:65535:Infinity:-1::090807 14:0:142:65535:Infinity:-1:: status 0",
    run: mqtt5Reader,
  },
  { name: "the first flight over MQTT 5", run: () => firstFlight5("counter+mac") },
  { name: "the first flight over MQTT 5 with auth5", run: () => firstFlight5("auth5") },
  { name: "the first flight with digest", run: () => firstFlight("digest", null) },
  {
    name: "counters kept over a boot, and their records",
    expected:
      "4294967345 4294967409 motekey-mark 00 motekey-ctra 6d6b010100000003000800000001000000b076bc9fbe motekey-ctrb 6d6b010100000002000800000001000000702c5682ce",
    run: counterBlocks,
  },
  { name: "a token kept over a sleep, and its records", run: tokenOverSleep },
  { name: "MQTT packets read at once", run: () => mqttEvents(1000) },
  { name: "MQTT packets read byte by byte", run: () => mqttEvents(1) },
  {
    name: "Sec-WebSocket-Accept (RFC 6455, 1.3)",
    expected: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    run: sampleAccept,
  },
  { name: "SHA-1 of 0 to 130 bytes", run: sha1AtEveryLength },
  { name: "WebSocket frames of each length", run: webSocketFrames },
  { name: "WebSocket frames read at once", run: () => webSocketEvents(1000) },
  { name: "WebSocket frames read byte by byte", run: () => webSocketEvents(1) },
  { name: "answers to a WebSocket's handshake", run: handshakeVerdicts },
  { name: "options that are refused", run: optionVerdicts },
  { name: "all that is said over RPC in a WebSocket", run: webSocketFlight },
];
