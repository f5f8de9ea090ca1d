import { ValueEvent } from "../value.js";

/** What `FrameReader.read` came to. */
export enum FrameEvent {
  /** All bytes were consumed; the frame goes on. */
  MORE,
  /** One more host of a ListToken answer lies in the staging area. */
  HOST,
  /** The frame is complete; `at` is right behind its closing brace. */
  END,
  /** Not a v2 frame; `status` says why. */
  REFUSED,
}

/** What `result` holds; anything but these says nothing to us. */
export enum Result {
  ABSENT,
  /** A bare boolean. */
  VERDICT,
  TEXT,
  OBJECT,
  LIST,
  OTHER,
}

/** What a `result` is that begins with this event. */
export const resultOf = (event: ValueEvent): Result => {
  switch (event) {
    case ValueEvent.TRUE:
    case ValueEvent.FALSE:
      return Result.VERDICT;
    case ValueEvent.STRING:
      return Result.TEXT;
    case ValueEvent.OBJECT:
      return Result.OBJECT;
    case ValueEvent.ARRAY:
      return Result.LIST;
    default:
      return Result.OTHER;
  }
};
