/** What is wrong with the world of one device at this moment; the faults turn these, all else looks at them. */
export class Conditions {
  slowMs = 0;
  pieceBytes = Number.POSITIVE_INFINITY;
  takeBytes = Number.POSITIVE_INFINITY;
  /** Until then nothing arrives. */
  stalledUntilMs = 0;
  isCutOff = false;
  /** Opening a connection comes to nothing, in place of failing. */
  isSilent = false;
  isNameless = false;
  /** The place of the bit that is turned in the next packet which comes in; −1: none is. */
  corruptAt = -1;
  /** When that last happened. */
  corruptedAtMs = 0;
  /** Of ten messages. */
  lost = 0;
  doubled = 0;
  unacknowledged = 0;
  isRefusing = false;
  /** A connection that was let in is closed after this long; 0: none is. */
  kickMs = 0;
  isFull = false;
  isMute = false;
  lateS = 0;
  /** The error that the cloud answers; 0: none. */
  error = 0;
  retryAfterS = 0;
}
