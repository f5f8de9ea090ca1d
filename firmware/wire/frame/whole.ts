import { type Addressing, Party } from "./addressing.js";
import { Result } from "./event.js";

/** What of a frame can be read at once: an answer with a token. As in `FrameReader`. */
export interface Answer {
  readonly names: Addressing;
  readonly isCounter: boolean;
  id: number;
  src: Party;
  dst: Party;
  result: Result;
  readonly staging: Uint8Array;
  tokenLength: number;
  expiresInS: number;
}

/** The answer is one from the cloud to us; its token lies in the staging area. */
export function takeToken(answer: Answer, id: number, tokenLength: number, expiresInS: number): void {
  answer.id = id;
  answer.src = Party.CLOUD;
  answer.dst = Party.US;
  answer.result = Result.OBJECT;
  answer.tokenLength = tokenLength;
  answer.expiresInS = expiresInS;
}

/**
 * Answers at once. An engine whose own JSON is many times as fast as a reader in JavaScript puts a file in the place
 * of this one at build time; here every frame is read byte by byte.
 *
 * @returns the index behind the frame, which is taken into `answer` then; −1: it is to be read byte by byte
 */
export function readWhole(_answer: Answer, _bytes: Uint8Array, _from: number, _to: number): number {
  return -1;
}
