import type { Config } from "../config.js";
import { FrameProof } from "../policy.js";
import { CborPen, cborText } from "../wire/cbor-pen.js";
import { Method, nameOf } from "../wire/methods.js";
import type { Parties } from "../wire/parties.js";
import type { Pen } from "../wire/pen.js";
import { type Call, HOST_END_BYTES } from "./calls.js";
import type { FrameProofs, FrameWriter } from "./frames.js";

const V = cborText("v");
const ID = cborText("id");
const DST = cborText("dst");
const KEY = cborText("key");
const SEC = cborText("sec");
const SEC_COUNTER = cborText("c");
const SEC_NONCE = cborText("n");
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
  readonly pen: Pen;
  private readonly cbor: CborPen;
  private readonly config: Config;

  constructor(config: Config) {
    this.cbor = new CborPen();
    this.pen = this.cbor.pen;
    this.config = config;
  }

  request(call: Call, proofs: FrameProofs): void {
    const pen = this.cbor;
    const config = this.config;
    const hasKey = config.frameProof === FrameProof.KEY;
    this.open(5 + (hasKey ? 1 : 0) + (proofs.announcesMacSession ? 1 : 0));
    pen.integer(call.id);
    if (hasKey) {
      pen.bytes(KEY);
      pen.string(config.psk);
    }
    if (proofs.announcesMacSession) {
      pen.bytes(SEC);
      pen.pairs(2);
      pen.bytes(SEC_COUNTER);
      pen.integer(proofs.macCounter);
      pen.bytes(SEC_NONCE);
      pen.string(proofs.nonceText);
    }
    pen.bytes(SRC);
    pen.string(config.deviceId);
    pen.bytes(ARGS);
    this.writeArguments(call);
    pen.bytes(METHOD);
    pen.bytes(METHODS[call.method]);
  }

  refusal(parties: Parties, length: number, id: number): void {
    const pen = this.cbor;
    this.open(5);
    if (id > 0) pen.integer(id);
    else pen.stringPart(parties.id, parties.idLength);
    pen.bytes(DST);
    pen.stringPart(parties.bytes, length);
    pen.bytes(SRC);
    pen.string(this.config.deviceId);
    pen.bytes(ERROR);
    pen.pairs(2);
    pen.bytes(CODE);
    pen.integer(404);
    pen.bytes(MESSAGE);
    pen.bytes(NO_SUCH_METHOD);
  }

  /** Up to the id's value. */
  private open(members: number): void {
    const pen = this.cbor;
    pen.pairs(members);
    pen.bytes(V);
    pen.integer(2);
    pen.bytes(ID);
  }

  private writeArguments(call: Call): void {
    const pen = this.cbor;
    switch (call.method) {
      case Method.HELLO:
      case Method.LIST_TOKEN:
        pen.pairs(0);
        break;
      case Method.AUTHENTICATE:
        pen.pairs(2);
        pen.bytes(ID);
        pen.string(call.third);
        this.writeCredentials(call);
        break;
      case Method.AUTHORIZE_COMMAND:
        pen.pairs(3);
        pen.bytes(CMD);
        pen.string(call.first);
        pen.bytes(DST);
        pen.string(call.second);
        pen.bytes(SRC);
        pen.string(call.third);
        break;
      default:
        pen.pairs(1);
        pen.bytes(HOST);
        pen.stringPart(call.host, call.host.length - HOST_END_BYTES);
    }
  }

  private writeCredentials(call: Call): void {
    const pen = this.cbor;
    pen.bytes(CREDENTIALS);
    pen.pairs((call.first.length > 0 ? 1 : 0) + (call.second.length > 0 ? 1 : 0));
    if (call.first.length > 0) {
      pen.bytes(PSK);
      pen.string(call.first);
    }
    if (call.second.length > 0) {
      pen.bytes(CERT);
      pen.string(call.second);
    }
  }
}
