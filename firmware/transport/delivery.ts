import type { Status } from "../status.js";

/** What a channel knows of a request that it carries. */
export interface Delivery {
  /** The frame's id. */
  readonly id: number;
  /** Of its PUBLISH. */
  packetIdentifier: number;
  /** Its PUBACK came. */
  isAcknowledged: boolean;
  /** The broker kept our session: publish it with DUP and its old identifier. */
  isRedelivery: boolean;
  /** Why no answer came, as far as the broker says; else OK. */
  cause: Status;
  /** The number of the broker's text about it; 0: there was none. */
  said: number;

  /** Clears why it was refused. */
  absolve(): void;
}

/** The requests that are under way, and the identifiers of packets. */
export interface Deliveries {
  /** 1…65,535, none that is under way. */
  nextPacketIdentifier(): number;
  /** The pending request that was published under this identifier, or null. */
  sentWithPacket(packetIdentifier: number): Delivery | null;
  /** The same by the frame's id. */
  sentWithId(id: number): Delivery | null;
  /** The broker kept no session: publish every pending request as new, without DUP. */
  forgetPackets(): void;
}

/** What {@link FrameSink.readPiece} came to. */
export enum PieceEvent {
  /** The piece was consumed. */
  MORE,
  /** One more host of a list lies in the frame's staging area; the rest of the piece is read by the next call. */
  HOST,
}

/** Takes the payloads that come in: each may be a frame. */
export interface FrameSink {
  /** Where {@link readPiece} stopped. */
  at: number;
  /** A message for us begins, in JSON or in the app's encoding. @param isRequest its topic named a method */
  open(isRequest: boolean, isEncoded: boolean): void;
  /** A message begins that is not for us. */
  ignore(): void;
  /** Looks at a piece of the message, to its end or to a host; `at` is how far it came. */
  readPiece(bytes: Uint8Array, from: number, to: number): PieceEvent;
  /** The message is complete. */
  close(): void;
}
