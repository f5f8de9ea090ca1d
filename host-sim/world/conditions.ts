/** What is wrong with one device's world at this moment: faults set these, everything else reads them. */
export class Conditions {
  slowMs = 0;
  pieceBytes = Number.POSITIVE_INFINITY;
  takeBytes = Number.POSITIVE_INFINITY;
  /** Until then nothing arrives. */
  stalledUntilMs = 0;
  isCutOff = false;
  /** Opening a connection times out, instead of failing. */
  isSilent = false;
  isNameless = false;
  /** The position of the bit to flip in the next incoming packet; −1: none. */
  corruptAt = -1;
  /** When that last happened. */
  corruptedAtMs = 0;
  /** Of ten messages. */
  lost = 0;
  doubled = 0;
  unacknowledged = 0;
  isRefusing = false;
  /** The broker closes an accepted connection after this long; 0: never. */
  kickMs = 0;
  isFull = false;
  isMute = false;
  lateS = 0;
  /** The cloud answers this error; 0: none. */
  error = 0;
  retryAfterS = 0;
}
