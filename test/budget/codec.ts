/**
 * One request and one reply in both spellings, to be measured inside XS: it keeps to the engines' shared language
 * and makes no garbage of its own.
 */
import { cbor } from "../../firmware/cbor.js";
import { Config } from "../../firmware/config.js";
import { Scratch } from "../../firmware/crypto/scratch.js";
import { Unprotected } from "../../firmware/proof/none.js";
import { Call } from "../../firmware/rpc/calls.js";
import type { FrameWriter } from "../../firmware/rpc/frames.js";
import { JsonFrames } from "../../firmware/rpc/json-frames.js";
import { bytesOf } from "../../firmware/wire/bytes.js";
import { CborWriter, cborText } from "../../firmware/wire/cbor/writer.js";
import { FrameEvent } from "../../firmware/wire/frame/event.js";
import { FrameReader } from "../../firmware/wire/frame/frame.js";
import { Method } from "../../firmware/wire/frame/methods.js";
import type { ValueReader } from "../../firmware/wire/value.js";

const DEVICE = "device_123";
const CLOUD = "//api.mongoose-iot.com";
const ID = 123456789012345;
const TOKEN_BYTES = 200;
const UNPROTECTED = new Unprotected();

const tokenText = (): string => {
  let text = "";
  while (text.length < TOKEN_BYTES) text += "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9_-0";
  return text.substr(0, TOKEN_BYTES);
};

const jsonReply = (): Uint8Array =>
  bytesOf(
    `{"v":2,"id":${ID},"src":"${CLOUD}","dst":"${DEVICE}","result":{"token":"${tokenText()}","expires_in":3600}}`,
  );

const cborReply = (): Uint8Array => {
  const writer = new CborWriter();
  const out = new Uint8Array(512);
  writer.writer.write(out, 0);
  writer.pairs(5);
  writer.bytes(cborText("v"));
  writer.integer(2);
  writer.bytes(cborText("id"));
  writer.integer(ID);
  writer.bytes(cborText("src"));
  writer.string(CLOUD);
  writer.bytes(cborText("dst"));
  writer.string(DEVICE);
  writer.bytes(cborText("result"));
  writer.pairs(2);
  writer.bytes(cborText("token"));
  writer.string(tokenText());
  writer.bytes(cborText("expires_in"));
  writer.integer(3600);
  return new Uint8Array(out.buffer, 0, writer.writer.at);
};

/** Reads a reply and writes a request, in JSON or in CBOR. */
export class Codec {
  /** Bytes of the reply, and of the request. */
  readonly replyBytes: number;
  requestBytes: number;
  private readonly reply: Uint8Array;
  private readonly encoded: ValueReader | null;
  private readonly frame: FrameReader;
  private readonly frames: FrameWriter;
  private readonly call: Call;
  private readonly out: Uint8Array;

  constructor(isCbor: boolean) {
    const options = {
      deviceId: DEVICE,
      cloud: { host: "cloud.example.com" },
      credential: { psk: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", counter: 1 },
    };
    const ports = {
      link: { open: () => {}, write: () => 0, close: () => {} },
      clock: { now: () => 0, wakeAfter: () => {}, cancel: () => {} },
      entropy: { fill: () => {} },
    };
    const config = new Config(options, ports, false, new Scratch());
    this.reply = isCbor ? cborReply() : jsonReply();
    this.replyBytes = this.reply.length;
    this.encoded = isCbor ? cbor.valueReader() : null;
    this.frame = new FrameReader(bytesOf(DEVICE), bytesOf(CLOUD), 64, 64, 640, false);
    this.frames = isCbor ? cbor.writer(config) : new JsonFrames(config);
    this.call = new Call();
    this.call.method = Method.GENERATE_TOKEN;
    this.call.id = ID;
    this.call.host = bytesOf('app.example.com"}');
    this.out = new Uint8Array(512);
    this.requestBytes = 0;
  }

  read(): void {
    const frame = this.frame;
    frame.reset(this.encoded);
    const event = frame.read(this.reply, 0, this.replyBytes);
    if (event !== FrameEvent.END || frame.tokenLength !== TOKEN_BYTES)
      throw new Error("the reply is not read");
  }

  write(): void {
    const writer = this.frames.writer;
    writer.count();
    this.frames.request(this.call, UNPROTECTED, 0);
    writer.write(this.out, 0);
    this.frames.request(this.call, UNPROTECTED, 0);
    this.requestBytes = writer.at;
  }
}
