import type { Config } from "../config.js";
import { FrameProof } from "../policy.js";
import { bytesOf, type Text } from "../wire/bytes.js";
import { Method, openingsOf } from "../wire/methods.js";
import type { Parties } from "../wire/parties.js";
import { Pen } from "../wire/pen.js";
import type { Call } from "./calls.js";
import type { Challenge } from "./challenge.js";
import type { FrameProofs, FrameWriter } from "./frames.js";

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
const OPEN_SEC = bytesOf(',"sec":{"c":');
const OPEN_SEC_NONCE = bytesOf(',"n":"');
const CLOSE_SEC = bytesOf('"}');
const OPEN_KEY = bytesOf(',"key":"');
const OPEN_STRANGER = bytesOf('","dst":"');
const NO_SUCH_METHOD = bytesOf(',"error":{"code":404,"message":"no such method"}}');

/** Frames in JSON: prepared pieces, the id, the arguments, and the frame's proof. */
export class JsonFrames implements FrameWriter {
  readonly pen: Pen;
  private readonly config: Config;
  private readonly challenge: Challenge | null;
  /** What a request begins with, up to its id. */
  private readonly head: Uint8Array;
  /** Null: those of the documented protocol, which all devices share. */
  private readonly mgOpenings: Uint8Array[] | null;

  constructor(config: Config, challenge: Challenge | null) {
    this.pen = new Pen();
    this.config = config;
    this.challenge = challenge;
    const openSrc = this.openSrc();
    this.mgOpenings = config.isMgRpc ? openingsOf("params") : null;
    this.head = new Uint8Array(openSrc.length + config.deviceId.length + OPEN_ID.length);
    this.head.set(openSrc, 0);
    this.head.set(config.deviceId, openSrc.length);
    this.head.set(OPEN_ID, openSrc.length + config.deviceId.length);
  }

  request(call: Call, proofs: FrameProofs): void {
    const pen = this.pen;
    const config = this.config;
    pen.bytes(this.head);
    pen.decimal(call.id);
    if (call.method === Method.OTHER) this.writeOther(call);
    else {
      pen.bytes((this.mgOpenings === null ? OPENINGS : this.mgOpenings)[call.method]);
      this.writeArguments(call);
    }
    if (proofs.announcesMacSession) {
      pen.bytes(OPEN_SEC);
      pen.decimal(proofs.macCounter);
      pen.bytes(OPEN_SEC_NONCE);
      pen.bytes(proofs.nonceText);
      pen.bytes(CLOSE_SEC);
    }
    if (config.frameProof === FrameProof.KEY) {
      pen.bytes(OPEN_KEY);
      pen.text(config.psk);
      pen.bytes(QUOTE);
    }
    if (this.challenge !== null && this.challenge.isHeld) this.challenge.write(pen, config.user);
    pen.bytes(BRACE);
  }

  refusal(parties: Parties, length: number, id: number): void {
    const pen = this.pen;
    pen.bytes(this.openSrc());
    pen.bytes(this.config.deviceId);
    pen.bytes(OPEN_STRANGER);
    pen.part(parties.bytes, length);
    pen.bytes(OPEN_ID);
    if (id > 0) pen.decimal(id);
    else {
      pen.bytes(QUOTE);
      pen.part(parties.id, parties.idLength);
      pen.bytes(QUOTE);
    }
    pen.bytes(NO_SUCH_METHOD);
  }

  /** The arguments from the first value to the closing brace of `args`. */
  private writeArguments(call: Call): void {
    const pen = this.pen;
    switch (call.method) {
      case Method.HELLO:
      case Method.LIST_TOKEN:
      case Method.COUNTER:
        pen.bytes(BRACE);
        break;
      case Method.AUTHENTICATE:
        if (call.first.length > 0) this.writeMember(OPEN_PSK, call.first);
        if (call.first.length > 0 && call.second.length > 0) pen.bytes(COMMA);
        if (call.second.length > 0) this.writeMember(OPEN_CERT, call.second);
        pen.bytes(OPEN_AUTH_ID);
        pen.text(call.third);
        pen.bytes(QUOTE_BRACE);
        break;
      case Method.AUTHORIZE_COMMAND:
        pen.text(call.first);
        pen.bytes(OPEN_DST);
        pen.text(call.second);
        pen.bytes(OPEN_COMMAND_SRC);
        pen.text(call.third);
        pen.bytes(QUOTE_BRACE);
        break;
      default:
        pen.bytes(call.host);
    }
  }

  /** What every frame begins with, up to our id. */
  private openSrc(): Uint8Array {
    return this.config.isMgRpc ? OPEN_MG_SRC : OPEN_SRC;
  }

  /** A method that the app names, with its arguments as they are. */
  private writeOther(call: Call): void {
    const pen = this.pen;
    pen.bytes(OPEN_METHOD);
    pen.text(call.first);
    pen.bytes(this.config.isMgRpc ? OPEN_PARAMS : OPEN_ARGS);
    pen.bytes(call.host);
  }

  private writeMember(opening: Uint8Array, value: Text): void {
    this.pen.bytes(opening);
    this.pen.text(value);
    this.pen.bytes(QUOTE);
  }
}
