import type { Config } from "../config.js";
import type { Protection } from "../proof/proof.js";
import { bytesOf, type Text } from "../wire/bytes.js";
import type { Addressing } from "../wire/frame/addressing.js";
import { Method, openingsOf } from "../wire/frame/methods.js";
import { JsonFields } from "../wire/json/fields.js";
import { Writer } from "../wire/writer.js";
import type { Call } from "./calls.js";
import type { FrameWriter } from "./frames.js";

const OPEN_SRC = bytesOf('{"v":2,"src":"');
/** mg-rpc has no versions. */
const OPEN_MG_SRC = bytesOf('{"src":"');
const OPENINGS = openingsOf("args");
const OPEN_METHOD = bytesOf(',"method":"');
const OPEN_ARGS = bytesOf('","args":');
const OPEN_PARAMS = bytesOf('","params":');
const OPEN_ID = bytesOf('","id":');
const QUOTE_BRACE = bytesOf('"}');
const BRACE = bytesOf("}");
const OPEN_PSK = bytesOf('"psk":"');
const QUOTE = bytesOf('"');
const OPEN_CERT = bytesOf('"cert":"');
const COMMA = bytesOf(",");
const OPEN_AUTH_ID = bytesOf('},"id":"');
const OPEN_DST = bytesOf('","dst":"');
const OPEN_COMMAND_SRC = bytesOf('","src":"');
const OPEN_STRANGER = bytesOf('","dst":"');
const NO_SUCH_METHOD = bytesOf(',"error":{"code":404,"message":"no such method"}}');

/** Frames in JSON: prepared pieces, the id, the arguments, and the frame's proof. */
export class JsonFrames implements FrameWriter {
  readonly writer: Writer;
  private readonly config: Config;
  private readonly fields: JsonFields;
  /** What a request begins with, up to its id. */
  private readonly head: Uint8Array;
  /** Null: those of the documented protocol, which all devices share. */
  private readonly mgOpenings: Uint8Array[] | null;

  constructor(config: Config) {
    this.writer = new Writer();
    this.fields = new JsonFields(this.writer);
    this.config = config;
    const openSrc = this.openSrc();
    this.mgOpenings = config.isMgRpc ? openingsOf("params") : null;
    this.head = new Uint8Array(openSrc.length + config.deviceId.length + OPEN_ID.length);
    this.head.set(openSrc, 0);
    this.head.set(config.deviceId, openSrc.length);
    this.head.set(OPEN_ID, openSrc.length + config.deviceId.length);
  }

  request(call: Call, protection: Protection, fields: number): void {
    const writer = this.writer;
    writer.bytes(this.head);
    writer.decimal(call.id);
    if (call.method === Method.OTHER) this.writeOther(call);
    else {
      writer.bytes((this.mgOpenings === null ? OPENINGS : this.mgOpenings)[call.method]);
      this.writeArguments(call);
    }
    if (fields > 0) protection.write(this.fields);
    writer.bytes(BRACE);
  }

  refusal(addressing: Addressing, length: number, id: number): void {
    const writer = this.writer;
    writer.bytes(this.openSrc());
    writer.bytes(this.config.deviceId);
    writer.bytes(OPEN_STRANGER);
    writer.part(addressing.bytes, length);
    writer.bytes(OPEN_ID);
    if (id > 0) writer.decimal(id);
    else {
      writer.bytes(QUOTE);
      writer.part(addressing.id, addressing.idLength);
      writer.bytes(QUOTE);
    }
    writer.bytes(NO_SUCH_METHOD);
  }

  /** The arguments from the first value to the closing brace of `args`. */
  private writeArguments(call: Call): void {
    const writer = this.writer;
    switch (call.method) {
      case Method.HELLO:
      case Method.LIST_TOKEN:
      case Method.COUNTER:
        writer.bytes(BRACE);
        break;
      case Method.AUTHENTICATE:
        if (call.first.length > 0) this.writeMember(OPEN_PSK, call.first);
        if (call.first.length > 0 && call.second.length > 0) writer.bytes(COMMA);
        if (call.second.length > 0) this.writeMember(OPEN_CERT, call.second);
        writer.bytes(OPEN_AUTH_ID);
        writer.text(call.third);
        writer.bytes(QUOTE_BRACE);
        break;
      case Method.AUTHORIZE_COMMAND:
        writer.text(call.first);
        writer.bytes(OPEN_DST);
        writer.text(call.second);
        writer.bytes(OPEN_COMMAND_SRC);
        writer.text(call.third);
        writer.bytes(QUOTE_BRACE);
        break;
      default:
        writer.bytes(call.host);
    }
  }

  /** What every frame begins with, up to our id. */
  private openSrc(): Uint8Array {
    return this.config.isMgRpc ? OPEN_MG_SRC : OPEN_SRC;
  }

  /** A method that the app names, with its arguments as they are. */
  private writeOther(call: Call): void {
    const writer = this.writer;
    writer.bytes(OPEN_METHOD);
    writer.text(call.first);
    writer.bytes(this.config.isMgRpc ? OPEN_PARAMS : OPEN_ARGS);
    writer.bytes(call.host);
  }

  private writeMember(opening: Uint8Array, value: Text): void {
    this.writer.bytes(opening);
    this.writer.text(value);
    this.writer.bytes(QUOTE);
  }
}
