import type { Scratch } from "../crypto/scratch.js";
import type { Entropy } from "../ports.js";
import type { Status } from "../status.js";
import type { FieldWriter } from "../wire/field-writer.js";
import type { FrameReader } from "../wire/frame/frame.js";

/** What a proof reveals to its receiver, from the weakest on. */
export enum Strength {
  /** Not a proof. */
  NONE = -1,
  /** The key itself. */
  BEARER,
  /** One answer, which binds neither method nor arguments. */
  DIGEST,
  /** A one-time password, and nothing in the frames: a relay can send its own frames. */
  COUNTER,
  /** Both ends proved while connecting, and nothing in the frames: a relay can send its own frames. */
  EXCHANGE,
  /** Both ends proved in every frame. */
  MAC,
  /** Both ends proved before our first byte leaves. */
  LINK,
}

/** Whom a proof proves. */
export interface Proved {
  readonly deviceId: Uint8Array;
  /** It changes only while no connection is open. */
  readonly psk: Uint8Array;
}

/** What else proofs take of a device. */
export interface Prover extends Proved {
  /** Of the digest. */
  readonly user: Uint8Array;
  /** Counters that were never used, over reboots too. */
  readonly counterBlock: CounterSource;
}

/** Hands counters out. */
export interface CounterSource {
  /** The one that was handed out last. */
  readonly latest: number;
  /** One that was never handed out before; 0: there is none. */
  next(): number;
}

/** What proofs are computed with. */
export interface ProofParts {
  readonly config: Prover;
  readonly entropy: Entropy;
  readonly scratch: Scratch;
}

/** What proves a device when it connects: a value of its own file, named in `proofs.ts`. It says what holds for it only. */
export interface ConnectProof {
  /** As a part of a proof's name. */
  readonly name: string;
  readonly strength: Strength;
  /** It is made of the device's key. */
  readonly needsKey?: true;
  /** It takes one of the device's counters for each connection. */
  readonly takesCounter?: true;
  /** It is an {@link Exchange}, which not all transports carry. */
  readonly isExchange?: true;
  /** @construction */
  readonly login: (parts: ProofParts) => Login;
}

/** What one device's connections begin with. */
export interface Login {
  /** null: the proof needs none. */
  readonly userName: Uint8Array | null;
  /** null: the proof needs none. Its first `passwordLength` bytes count. */
  readonly password: Uint8Array | null;
  readonly passwordLength: number;
  /** null: nothing is asked before the peer accepts us. */
  readonly exchange: Exchange | null;
  /** A new connection: takes the present key, and a counter where the proof needs one. It was reserved before. */
  renew(): void;
  wipe(): void;
}

/** A challenge and response before the broker accepts the connection (MQTT 5, 4.12). */
export interface Exchange {
  /** The Authentication Method. */
  readonly method: Uint8Array;
  /** What CONNECT carries, fresh for each connection. */
  readonly opening: Uint8Array;
  /** What a challenge is answered with. */
  readonly answer: Uint8Array;
  /** The peer proved itself on this connection. */
  readonly isProved: boolean;
  /** Takes the peer's challenge, `bytes[0..length)`. @returns the peer proved itself, and `answer` is the answer */
  take(bytes: Uint8Array, length: number): boolean;
}

/** What proves a device in each frame: the same. */
export interface FrameProof {
  /** As a part of a proof's name. */
  readonly name: string;
  readonly strength: Strength;
  /** It is made of the device's key. */
  readonly needsKey?: true;
  /** It takes one of the device's counters for each of its sessions. */
  readonly takesCounter?: true;
  /** The cloud is proved in its frames too, and its tokens may come sealed. */
  readonly isMutual?: true;
  /** It has no form in other encodings than JSON. */
  readonly isJson?: true;
  /** @construction */
  readonly protection: (parts: ProofParts) => Protection;
}

/** Which use of which challenge a request's proof was; written by {@link Protection.close}, and no one else's matter. */
export interface ProofUse {
  proofUse: number;
  proofSerial: number;
}

/**
 * What protects the frames of one device: adds a proof to those that leave, and checks those that come. Both may
 * interleave. One frame that leaves is `open`, `write` for each time that it is laid out, and `close`; one that comes
 * is `receive`, `update` for the frame, `behind` for what follows it, and `end`.
 */
export interface Protection {
  /**
   * The next frame begins anew what the proof needs of a connection.
   * @param isCounterFresh CONNECT took the latest counter: it serves for both
   */
  renew(isCounterFresh: boolean): void;
  /** Before anything is published. false: it takes a counter, and there is none. */
  prepare(): boolean;

  /** A frame is to be laid out. @returns the fields that {@link write} adds */
  open(): number;
  write(fields: FieldWriter): void;
  /** Bytes that {@link close} appends. */
  trailerLength(): number;
  /** The frame in `out[from..to)` leaves. @returns where it ends with its trailer */
  close(use: ProofUse, out: Uint8Array, from: number, to: number): number;
  /**
   * The cloud refused a frame.
   * @param status why: UNAUTHENTICATED, THROTTLED …
   * @param frame its answer
   * @returns OK: another proof may do; else what the call ends with
   */
  refused(status: Status, use: ProofUse, frame: FrameReader): Status;

  receive(): void;
  update(bytes: Uint8Array, from: number, to: number): void;
  /** OK while these may stand behind a frame. @param isText the frame is JSON */
  behind(bytes: Uint8Array, from: number, to: number, isText: boolean): Status;
  /** OK, and only then may anything of the frame be believed. */
  end(): Status;
  /** The frame's token came sealed: opens it in its place. Where that cannot be, it has no length. */
  openToken(frame: FrameReader): void;
  /** Frames of the cloud's are to be proved, and none was so far. */
  isUnheard(): boolean;
  wipe(): void;
}
