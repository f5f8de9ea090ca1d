import { Party } from "motekey/wire/frame/addressing";
import { Result } from "motekey/wire/frame/event";
import type { Answer } from "../../../wire/frame/whole.js";

/** Sets `id`, `tokenLength` and `expiresInS`, and puts the token into the staging area; −1: nothing is changed. */
const readAnswer: (
  answer: Answer,
  bytes: Uint8Array,
  from: number,
  to: number,
  cloud: Uint8Array,
  us: Uint8Array,
  staging: Uint8Array,
) => number = native("xs_motekey_readAnswer");

/**
 * In the place of wire/frame/whole on this engine, with the C of `firmware/native`, for the one frame that comes all the
 * time: a token and its lifetime, whole in one piece, without escapes. All else, right or wrong, is the strict
 * reader's to judge.
 */
export function readWhole(answer: Answer, bytes: Uint8Array, from: number, to: number): number {
  if (answer.isCounter) return -1;
  const names = answer.names;
  const end = readAnswer(answer, bytes, from, to, names.cloud, names.us, answer.staging);
  if (end < 0) return -1;
  answer.src = Party.CLOUD;
  answer.dst = Party.US;
  answer.result = Result.OBJECT;
  return end;
}
