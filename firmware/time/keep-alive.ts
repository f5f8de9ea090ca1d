/**
 * Keep-alive (MQTT 3.1.1, 3.1.2.10; RFC 6455, 5.5.2): when to send a ping, and until when its answer must have come.
 * The peer counts what we send, and we what it sends: messages at QoS 0 leave on a dead line as on any other.
 */
export class KeepAlive {
  /** A ping is due when one direction was silent for so long, ms; Infinity: never. */
  idleMs: number;
  /** When the peer was last heard on any connection; −1: never. */
  heardAtMs: number;
  /** A ping is to leave: somebody doubts the connection, or there was no room when the time came. */
  private isWanted: boolean;
  private sentAtMs: number;
  /** When the answer is due; Infinity while no ping is out. */
  private answerByMs: number;
  private readonly timeoutMs: number;

  /** @param timeoutMs from a ping to its answer */
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.heardAtMs = -1;
    this.reset(0, Infinity);
  }

  /** A new connection. */
  reset(nowMs: number, idleMs: number): void {
    this.idleMs = idleMs;
    this.isWanted = false;
    this.sentAtMs = nowMs;
    this.answerByMs = Infinity;
  }

  /** Something was sent. */
  sent(nowMs: number): void {
    this.sentAtMs = nowMs;
  }

  /** Asks for a ping now: an answer is late, and the link may be dead. */
  doubt(): void {
    if (this.answerByMs === Infinity) this.isWanted = true;
  }

  isDue(nowMs: number): boolean {
    return this.isWanted || (this.answerByMs === Infinity && nowMs >= this.nextAtMs());
  }

  /** A ping was due; without room for it the deadline runs all the same: a link that takes nothing is dead too. */
  pinged(nowMs: number, wasSent: boolean): void {
    this.isWanted = !wasSent;
    if (this.answerByMs === Infinity) this.answerByMs = nowMs + this.timeoutMs;
  }

  answered(): void {
    this.answerByMs = Infinity;
  }

  isDead(nowMs: number): boolean {
    return nowMs >= this.answerByMs;
  }

  wakeAtMs(): number {
    return this.answerByMs === Infinity ? this.nextAtMs() : this.answerByMs;
  }

  private nextAtMs(): number {
    return Math.min(this.sentAtMs, this.heardAtMs) + this.idleMs;
  }
}
