import { Status } from "../../status.js";
import { NO_BYTES } from "../bytes.js";
import { JsonReader } from "../json/json.js";
import { ValueEvent, type ValueReader } from "../value.js";
import { Addressing, Party } from "./addressing.js";
import { FrameEvent, Result, resultOf } from "./event.js";
import { Member, memberOf, namesIn } from "./fields.js";
import { RawResult } from "./raw-result.js";
import { SealedText } from "./sealed.js";
import { readWhole } from "./whole.js";

/** Open objects and arrays of a frame, at the most. */
export const FRAME_DEPTH_MAX = 16;
/** Bytes of a key that a frame's reader keeps. */
export const FRAME_KEY_BYTES_MAX = 16;
/** The most that a number of seconds is: 2^53 − 1. */
const SECONDS_MAX = 9007199254740991;
const HOST_SEEN = 1 << Member.HOST;
const BOTH_SEEN = (1 << Member.TOKEN) | (1 << Member.SEALED);

/**
 * Reads one v2 frame as its bytes come, in any pieces, JSON or CBOR, and keeps what an answer can hold: the token, the hosts
 * of a list (one behind the other: a length byte, then the name) or an error's message lie in `staging`, the
 * rest in fields. Members may come in any order; unknown ones are skipped at any size; a known one that comes
 * twice is refused. Nothing here is to be believed before END, and before the MAC where there is one.
 */
export class FrameReader {
  /** First byte not consumed. */
  at: number;
  /** Why REFUSED. */
  status: Status;
  /** 1…2^53−1; 0 while not known. */
  id: number;
  hasMethod: boolean;
  noReply: boolean;
  src: Party;
  dst: Party;
  /** The sender's name is the first `srcLength` bytes of `addressing`; longer than `idBytes`: it was cut. */
  srcLength: number;
  readonly addressing: Uint8Array;
  result: Result;
  /** The same as it stands in the frame, where somebody wants it. */
  readonly raw: RawResult;
  /** GetToken's `exist`; true when absent. */
  exist: boolean;
  /** Authenticate's and AuthorizeCommand's verdict: a bare boolean, or the member `success`. */
  success: boolean;
  /** Whether there was such a verdict. */
  hasVerdict: boolean;
  /** Seconds left at the reply, or −1. */
  expiresInS: number;
  /** Unix seconds of Hello's `time`, or −1. */
  timeS: number;
  /** Hello's `ext` names the first version of CBOR frames; beside a token: there is a next key for the device. */
  isOffered: boolean;
  hasError: boolean;
  code: number;
  /** Seconds, or −1. */
  retryAfterS: number;
  /** Swapped for a slot's buffer when a token is committed. */
  staging: Uint8Array;
  tokenLength: number;
  /** Whether the token came sealed, and its salt. */
  readonly sealed: SealedText;
  messageLength: number;
  /** End of the staged hosts; 0 when they were delivered: the area is free for more of them. */
  hostsTo: number;
  /** What comes answers Counter alone: its `c` is kept as `timeS`, its `mac` where a token is. */
  isCounter: boolean;
  /** What could not be kept: TOKEN_TOO_LONG, HOST_TOO_LONG or FRAME_ORDER; else OK. */
  overflow: Status;
  /** What the present frame is read with. */
  private value: ValueReader;
  /** Free between END and the next frame: for the JSON inside a token or a message. */
  readonly json: JsonReader;
  readonly names: Addressing;
  private readonly hostBytes: number;
  private member: Member;
  /** One bit per {@link Member} that was there. */
  private seen: number;
  /** The member of the frame whose object or list is open, if we look into it: RESULT or ERROR, else NONE. */
  private section: Member;
  private isOpen: boolean;
  /** The member of the section whose value is open. */
  private inner: Member;

  /**
   * @param us our device id
   * @param cloud the address that answers come from
   * @param idBytes longest `src` that is kept
   * @param hostBytes longest host of a list
   * @param tokenBytes size of the staging area
   * @param hasTextIds ids of text are kept (mg-rpc)
   */
  constructor(
    us: Uint8Array,
    cloud: Uint8Array,
    idBytes: number,
    hostBytes: number,
    tokenBytes: number,
    hasTextIds: boolean,
  ) {
    this.names = new Addressing(us, cloud, idBytes, hasTextIds);
    this.addressing = this.names.bytes;
    this.hostBytes = hostBytes;
    this.raw = new RawResult();
    this.sealed = new SealedText();
    this.json = new JsonReader(FRAME_DEPTH_MAX, FRAME_KEY_BYTES_MAX);
    this.staging = new Uint8Array(tokenBytes);
    this.isCounter = false;
    this.reset(null);
  }

  /** Ready for the next frame. @param encoded what it is read with; null: it is JSON */
  reset(encoded: ValueReader | null): void {
    this.value = encoded === null ? this.json : encoded;
    this.at = 0;
    this.status = Status.OK;
    this.id = 0;
    this.hasMethod = false;
    this.noReply = false;
    this.src = Party.ABSENT;
    this.dst = Party.ABSENT;
    this.srcLength = 0;
    this.names.idLength = 0;
    this.raw.isOpen = false;
    this.result = Result.ABSENT;
    this.exist = true;
    this.success = false;
    this.hasVerdict = false;
    this.expiresInS = -1;
    this.timeS = -1;
    this.isOffered = false;
    this.sealed.reset();
    this.hasError = false;
    this.code = 0;
    this.retryAfterS = -1;
    this.tokenLength = 0;
    this.messageLength = 0;
    this.hostsTo = 0;
    this.overflow = Status.OK;
    this.member = Member.NONE;
    this.seen = 0;
    this.section = Member.NONE;
    this.isOpen = false;
    this.inner = Member.NONE;
    this.value.reset();
  }

  /** White space may stand behind the frame. */
  get isText(): boolean {
    return this.value.isText;
  }

  /** Consumes bytes up to the next event; `at` is how far it came. */
  read(bytes: Uint8Array, from: number, to: number): FrameEvent {
    const value = this.value;
    let at = from;
    if (!this.isOpen && from < to && value === this.json && this.raw.id === 0) {
      this.at = readWhole(this, bytes, from, to);
      if (this.at >= 0) return FrameEvent.END;
    }
    for (;;) {
      const event = value.read(bytes, at, to);
      if (this.raw.isOpen) this.raw.take(bytes, at, value.at);
      at = value.at;
      this.at = at;
      let isHost = false;
      switch (event) {
        case ValueEvent.MORE:
          return FrameEvent.MORE;
        case ValueEvent.KEY:
          this.takeKey();
          break;
        case ValueEvent.OBJECT_END:
          // An item of the list is over: the next one has a host of its own.
          if (value.depth === 2) this.seen &= ~HOST_SEEN;
          break;
        case ValueEvent.ARRAY_END:
          break;
        case ValueEvent.END:
          if (this.hasError && this.code === 0) this.status = Status.FRAME_MEMBER;
          else return FrameEvent.END;
          break;
        case ValueEvent.REFUSED:
          this.status = value.status;
          break;
        default:
          isHost = this.takeValue(event);
      }
      if (event !== ValueEvent.KEY && value.depth === 1) this.raw.isOpen = false;
      if (this.status !== Status.OK) return FrameEvent.REFUSED;
      if (isHost) return FrameEvent.HOST;
    }
  }

  /** The message is over: END, or REFUSED where the frame goes on. */
  finish(): FrameEvent {
    const event = this.read(NO_BYTES, 0, 0);
    if (event !== FrameEvent.MORE) return event;
    this.value.finish();
    this.status = this.value.status === Status.OK ? Status.FRAME_MEMBER : this.value.status;
    return FrameEvent.REFUSED;
  }

  private takeKey(): void {
    const value = this.value;
    const depth = value.depth;
    if (depth === 1) this.section = Member.NONE;
    const names = namesIn(depth, this.section, this.inner, this.result === Result.LIST, this.isCounter);
    const member = memberOf(names, value.key, value.keyLength);
    this.member = member;
    if (depth === 2) this.inner = member;
    if (member === Member.NONE) {
      value.skip();
      return;
    }
    const bit = 1 << member;
    if ((this.seen & bit) !== 0) this.status = Status.FRAME_DUPLICATE;
    this.seen |= bit;
    if (member === Member.RESULT && this.raw.id !== 0) this.raw.open(this.id);
    this.prepare(member);
  }

  /** Says where the value goes if it is a string. An error's message wins the staging area over a result. */
  private prepare(member: Member): void {
    const staging = this.staging;
    switch (member) {
      case Member.SRC:
        this.value.capture(this.addressing, 0, this.names.idBytes);
        break;
      case Member.DST:
        this.value.capture(this.addressing, this.names.idBytes, this.addressing.length);
        break;
      case Member.ID:
        this.value.capture(this.names.id, 0, this.names.id.length);
        break;
      case Member.RESULT:
      case Member.TOKEN:
        if (!this.hasError) this.value.capture(staging, 0, staging.length);
        break;
      case Member.SEALED:
        if (!this.hasError) this.value.stream(this.sealed.begin(staging));
        break;
      case Member.HOST:
        if (!this.hasError) {
          const from = this.hostsTo + 1;
          this.value.capture(staging, from, Math.max(from, Math.min(from + this.hostBytes, staging.length)));
        }
        break;
      case Member.MESSAGE:
        this.value.capture(staging, 0, staging.length);
        break;
      default:
    }
  }

  /** Takes the value of `member`. Returns whether it was one more host of a list. */
  private takeValue(event: ValueEvent): boolean {
    if (!this.isOpen) {
      this.isOpen = true;
      if (event !== ValueEvent.OBJECT) this.status = Status.FRAME_MEMBER;
      return false;
    }
    const member = this.member;
    this.member = Member.NONE;
    if (member >= Member.TOKEN) return this.takeInner(member, event);
    switch (member) {
      case Member.VERSION:
        if (event !== ValueEvent.NUMBER || this.value.number !== 2) this.status = Status.FRAME_VERSION;
        break;
      case Member.SRC:
        this.expect(event, ValueEvent.STRING);
        this.srcLength = this.value.textLength;
        this.src = this.names.partyAt(0, this.srcLength);
        break;
      case Member.DST:
        this.expect(event, ValueEvent.STRING);
        this.dst = this.names.partyAt(this.names.idBytes, this.value.textLength);
        break;
      case Member.ID:
        this.takeId(event);
        break;
      case Member.METHOD:
        this.expect(event, ValueEvent.STRING);
        this.hasMethod = true;
        break;
      case Member.NO_REPLY:
        this.noReply = event === ValueEvent.TRUE;
        break;
      case Member.RESULT:
        this.takeResult(event);
        break;
      case Member.ERROR:
        this.expect(event, ValueEvent.OBJECT);
        this.hasError = true;
        this.tokenLength = 0;
        this.hostsTo = 0;
        this.section = Member.ERROR;
        break;
      default:
    }
    return false;
  }

  /** A number; or, of a stranger, a text, which goes back as it came (mg-rpc). */
  private takeId(event: ValueEvent): void {
    const value = this.value;
    const isNumber = event === ValueEvent.NUMBER && value.isInteger && value.number >= 1;
    if (isNumber) this.id = value.number;
    else if (event === ValueEvent.STRING) this.names.idLength = value.textLength;
    else this.status = Status.FRAME_MEMBER;
  }

  private takeResult(event: ValueEvent): void {
    this.result = resultOf(event);
    if (this.result === Result.VERDICT) this.takeVerdict(event);
    else if (this.result === Result.TEXT) this.takeToken(this.value.textLength);
    else if (this.result !== Result.OTHER) this.section = Member.RESULT;
  }

  /** A value inside `result` or `error`. One of an unexpected type is as good as absent, and so is what it holds. */
  private takeInner(member: Member, event: ValueEvent): boolean {
    const value = this.value;
    const isNumber = event === ValueEvent.NUMBER;
    const seconds = isNumber && value.number >= 0 && value.number <= SECONDS_MAX ? value.number : -1;
    switch (member) {
      case Member.TOKEN:
        if (event === ValueEvent.STRING) this.takeToken(value.textLength);
        break;
      case Member.SEALED:
        if (event === ValueEvent.STRING) this.takeToken(this.sealed.end());
        break;
      case Member.EXIST:
        this.exist = event !== ValueEvent.FALSE;
        break;
      case Member.SUCCESS:
        this.takeVerdict(event);
        break;
      case Member.EXPIRES_IN:
        this.expiresInS = seconds;
        break;
      case Member.TIME:
        this.timeS = seconds;
        break;
      case Member.CODE:
        if (isNumber && value.isInteger) this.code = value.number;
        break;
      case Member.MESSAGE:
        if (event === ValueEvent.STRING) this.messageLength = Math.min(value.textLength, this.staging.length);
        break;
      case Member.RETRY_AFTER:
        this.retryAfterS = seconds;
        break;
      case Member.CBOR:
      case Member.ROTATE:
        if (isNumber && value.number === 1) this.isOffered = true;
        break;
      case Member.SEAL:
        this.sealed.isOffered = isNumber && value.number === 1;
        break;
      case Member.HOST:
        return event === ValueEvent.STRING && !this.hasError && this.takeHost();
      default:
    }
    return false;
  }

  private takeVerdict(event: ValueEvent): void {
    this.success = event === ValueEvent.TRUE;
    this.hasVerdict = this.success || event === ValueEvent.FALSE;
  }

  /** A token that comes in the clear and sealed is none. */
  private takeToken(length: number): void {
    const fits = length <= this.staging.length;
    if (this.hasError) return;
    this.tokenLength = fits && (this.seen & BOTH_SEEN) !== BOTH_SEEN ? length : 0;
    if (!fits) this.overflow = this.id !== 0 ? Status.TOKEN_TOO_LONG : Status.FRAME_ORDER;
  }

  private takeHost(): boolean {
    const length = this.value.textLength;
    const from = this.hostsTo;
    const isLong = length > this.hostBytes;
    if (isLong || from + 1 + length > this.staging.length) {
      this.overflow = isLong ? Status.HOST_TOO_LONG : Status.FRAME_ORDER;
      return false;
    }
    this.staging[from] = length;
    this.hostsTo = from + 1 + length;
    return true;
  }

  private expect(event: ValueEvent, expected: ValueEvent): void {
    if (event !== expected) this.status = Status.FRAME_MEMBER;
  }
}
