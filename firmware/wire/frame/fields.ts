import { bytesOf, sameBytes } from "../bytes.js";

/** What we look at, wherever it stands. */
export enum Member {
  NONE,
  VERSION,
  SRC,
  DST,
  ID,
  METHOD,
  NO_REPLY,
  RESULT,
  ERROR,
  TOKEN,
  EXIST,
  SUCCESS,
  EXPIRES_IN,
  TIME,
  CODE,
  MESSAGE,
  RETRY_AFTER,
  HOST,
  EXTENSIONS,
  CBOR,
  ISSUED_AT,
  EXPIRES_AT,
  AUTH_TYPE,
  NONCE,
  REALM,
  ALGORITHM,
  SEALED,
  SEAL,
  ROTATE,
}

/** A key and what it stands for. */
export class Name {
  readonly bytes: Uint8Array;
  readonly member: Member;
  constructor(text: string, member: Member) {
    this.bytes = bytesOf(text);
    this.member = member;
  }
}

/** In the frame itself; any key that no table has is skipped, whatever its value. */
const AT_TOP: readonly Name[] = [
  new Name("v", Member.VERSION),
  new Name("src", Member.SRC),
  new Name("dst", Member.DST),
  new Name("id", Member.ID),
  new Name("method", Member.METHOD),
  new Name("nr", Member.NO_REPLY),
  new Name("result", Member.RESULT),
  new Name("error", Member.ERROR),
];
/** Inside `result`. */
const IN_RESULT: readonly Name[] = [
  new Name("token", Member.TOKEN),
  new Name("sealed", Member.SEALED),
  new Name("exist", Member.EXIST),
  new Name("success", Member.SUCCESS),
  new Name("expires_in", Member.EXPIRES_IN),
  new Name("time", Member.TIME),
  new Name("ext", Member.EXTENSIONS),
  new Name("rotate", Member.ROTATE),
];
/** Inside the `result` of Counter, which has nothing else: a number and a text, kept as those of other answers are. */
const IN_COUNTER: readonly Name[] = [new Name("c", Member.TIME), new Name("mac", Member.TOKEN)];
/** Inside the `ext` of Hello's answer: extensions and their versions. */
const IN_EXTENSIONS: readonly Name[] = [new Name("cbor", Member.CBOR), new Name("seal", Member.SEAL)];
/** Inside `error`. */
const IN_ERROR: readonly Name[] = [
  new Name("code", Member.CODE),
  new Name("message", Member.MESSAGE),
  new Name("retry_after", Member.RETRY_AFTER),
];
/** Inside an item of ListToken's answer. */
const IN_LIST_ITEM: readonly Name[] = [new Name("host", Member.HOST)];
/** Inside a JWT's claims (RFC 7519). */
export const IN_JWT: readonly Name[] = [
  new Name("iat", Member.ISSUED_AT),
  new Name("exp", Member.EXPIRES_AT),
];
/** Inside a digest challenge. */
export const IN_CHALLENGE: readonly Name[] = [
  new Name("auth_type", Member.AUTH_TYPE),
  new Name("nonce", Member.NONCE),
  new Name("realm", Member.REALM),
  new Name("algorithm", Member.ALGORITHM),
];
/** Inside anything else. */
const NOWHERE: readonly Name[] = [];

/**
 * What is known at a place of a frame. A value that is no section has no members that we know, whatever its keys.
 *
 * @param depth 1 in the frame itself
 * @param section the member of the frame whose object or list is open: RESULT, ERROR, or NONE
 * @param inner the member of that object whose value is open
 * @param isList `result` is an array
 * @param isCounter the frame answers Counter
 */
export const namesIn = (
  depth: number,
  section: Member,
  inner: Member,
  isList: boolean,
  isCounter: boolean,
): readonly Name[] => {
  if (depth === 1) return AT_TOP;
  if (depth === 2 && section === Member.ERROR) return IN_ERROR;
  if (section !== Member.RESULT) return NOWHERE;
  if (depth === 2) return isCounter ? IN_COUNTER : IN_RESULT;
  if (depth !== 3) return NOWHERE;
  if (isList) return IN_LIST_ITEM;
  return inner === Member.EXTENSIONS ? IN_EXTENSIONS : NOWHERE;
};

/** Which of `names` a key is; NONE when it is none of them. */
export const memberOf = (names: readonly Name[], key: Uint8Array, length: number): Member => {
  const first = key[0];
  const count = names.length;
  for (let i = 0; i < count; i++) {
    const name = names[i].bytes;
    if (name[0] === first && name.length === length && sameBytes(name, 0, key, 0, length))
      return names[i].member;
  }
  return Member.NONE;
};
