import type { Config } from "../config.js";
import type { Protection } from "../proof/proof.js";
import { CborWriter, cborText } from "../wire/cbor/writer.js";
import type { Addressing } from "../wire/frame/addressing.js";
import { Method, nameOf } from "../wire/frame/methods.js";
import type { Writer } from "../wire/writer.js";
import { type Call, HOST_END_BYTES } from "./calls.js";
import type { FrameWriter } from "./frames.js";

const V = cborText("v");
const ID = cborText("id");
const DST = cborText("dst");
const SRC = cborText("src");
const ARGS = cborText("args");
const ERROR = cborText("error");
const METHOD = cborText("method");
const HOST = cborText("host");
const PSK = cborText("psk");
const CERT = cborText("cert");
const CREDENTIALS = cborText("credentials");
const CMD = cborText("cmd");
const CODE = cborText("code");
const MESSAGE = cborText("message");
const NO_SUCH_METHOD = cborText("no such method");

/** Methods by their number, as items. */
const METHODS: Uint8Array[] = [];
for (let method = Method.HELLO; method <= Method.AUTHORIZE_COMMAND; method++)
  METHODS.push(cborText(nameOf(method)));

/** Frames in CBOR: JSON's members under JSON's names, deterministic (RFC 8949, 4.2.1), so the shorter names first. */
export class CborFrames implements FrameWriter {
  readonly writer: Writer;
  private readonly cbor: CborWriter;
  private readonly config: Config;

  constructor(config: Config) {
    this.cbor = new CborWriter();
    this.writer = this.cbor.writer;
    this.config = config;
  }

  /** A protection's fields have names that sort between `id` and `src`. */
  request(call: Call, protection: Protection, fields: number): void {
    const writer = this.cbor;
    this.open(5 + fields);
    writer.integer(call.id);
    if (fields > 0) protection.write(writer);
    writer.bytes(SRC);
    writer.string(this.config.deviceId);
    writer.bytes(ARGS);
    this.writeArguments(call);
    writer.bytes(METHOD);
    writer.bytes(METHODS[call.method]);
  }

  refusal(addressing: Addressing, length: number, id: number): void {
    const writer = this.cbor;
    this.open(5);
    if (id > 0) writer.integer(id);
    else writer.stringPart(addressing.id, addressing.idLength);
    writer.bytes(DST);
    writer.stringPart(addressing.bytes, length);
    writer.bytes(SRC);
    writer.string(this.config.deviceId);
    writer.bytes(ERROR);
    writer.pairs(2);
    writer.bytes(CODE);
    writer.integer(404);
    writer.bytes(MESSAGE);
    writer.bytes(NO_SUCH_METHOD);
  }

  /** Up to the id's value. */
  private open(members: number): void {
    const writer = this.cbor;
    writer.pairs(members);
    writer.bytes(V);
    writer.integer(2);
    writer.bytes(ID);
  }

  private writeArguments(call: Call): void {
    const writer = this.cbor;
    switch (call.method) {
      case Method.HELLO:
      case Method.LIST_TOKEN:
        writer.pairs(0);
        break;
      case Method.AUTHENTICATE:
        writer.pairs(2);
        writer.bytes(ID);
        writer.string(call.third);
        this.writeCredentials(call);
        break;
      case Method.AUTHORIZE_COMMAND:
        writer.pairs(3);
        writer.bytes(CMD);
        writer.string(call.first);
        writer.bytes(DST);
        writer.string(call.second);
        writer.bytes(SRC);
        writer.string(call.third);
        break;
      default:
        writer.pairs(1);
        writer.bytes(HOST);
        writer.stringPart(call.host, call.host.length - HOST_END_BYTES);
    }
  }

  private writeCredentials(call: Call): void {
    const writer = this.cbor;
    writer.bytes(CREDENTIALS);
    writer.pairs((call.first.length > 0 ? 1 : 0) + (call.second.length > 0 ? 1 : 0));
    if (call.first.length > 0) {
      writer.bytes(PSK);
      writer.string(call.first);
    }
    if (call.second.length > 0) {
      writer.bytes(CERT);
      writer.string(call.second);
    }
  }
}
