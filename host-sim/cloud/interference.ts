import { type Encoding, encodeText } from "./encoding.js";
import { type ReplyError, type ReplyParts, replyText } from "./frame.js";

/** The request that may be interfered with. */
export interface StruckRequest {
  src: string;
  method: string;
}

/** What a simulator does to requests and replies on their way. A server for production uses {@link UNTOUCHED}. */
export interface Interference {
  /** Each request waits for this before it is looked at; null: for nothing. */
  latency(): Promise<void> | null;
  /** Is around all work on a request. */
  during(work: Promise<void>): Promise<void>;
  /** Is the request lost before anything was done? */
  losesRequest(request: StruckRequest): boolean;
  /** An error that is answered instead of the result. */
  errorFor(request: StruckRequest): ReplyError | null;
  /** Is this connection closed right after it was accepted? */
  kicks(): boolean;
  /** The hosts that ListToken names. */
  hosts(hosts: readonly string[]): readonly string[];
  losesReply(request: StruckRequest): boolean;
  /** Bytes in place of the reply's frame. */
  replacement(request: StruckRequest): { bytes: Uint8Array; isBare: boolean } | null;
  /** The id that the reply carries. */
  replyId(id: number, request: StruckRequest): number;
  /** The reply's frame; null: it is withheld. */
  frame(parts: ReplyParts, method: string, encoding: Encoding): Buffer | null;
  corruptsMac(request: StruckRequest): boolean;
  doublesReply(request: StruckRequest): boolean;
}

/** Nothing is interfered with. */
export const UNTOUCHED: Interference = {
  latency: () => null,
  during: (work) => work,
  losesRequest: () => false,
  errorFor: () => null,
  kicks: () => false,
  hosts: (hosts) => hosts,
  losesReply: () => false,
  replacement: () => null,
  replyId: (id) => id,
  frame: (parts, _method, encoding) => encodeText(replyText(parts), encoding),
  corruptsMac: () => false,
  doublesReply: () => false,
};
