/** Keep-alive (MQTT 3.1.1, 3.1.2.10): when to send PINGREQ, and until when PINGRESP must have come. */
export class KeepAlive {
  /** PINGREQ is to leave: somebody doubts the connection, or there was no room when the time came. */
  private isWanted: boolean;
  private nextAtMs: number;
  /** When PINGRESP is due; Infinity while no PINGREQ is out. */
  private answerByMs: number;
  private readonly idleMs: number;
  private readonly timeoutMs: number;

  /**
   * @param keepAliveS as in CONNECT; 0 turns it off. PINGREQ leaves after three quarters of it without a packet.
   * @param timeoutMs from PINGREQ to PINGRESP
   */
  constructor(keepAliveS: number, timeoutMs: number) {
    this.idleMs = keepAliveS > 0 ? keepAliveS * 750 : Infinity;
    this.timeoutMs = timeoutMs;
    this.reset(0);
  }

  /** A new connection. */
  reset(nowMs: number): void {
    this.isWanted = false;
    this.nextAtMs = nowMs + this.idleMs;
    this.answerByMs = Infinity;
  }

  /** Something was sent. */
  sent(nowMs: number): void {
    this.nextAtMs = nowMs + this.idleMs;
  }

  /** Asks for a PINGREQ now: an answer is late, and the link may be dead. */
  doubt(): void {
    if (this.answerByMs === Infinity) this.isWanted = true;
  }

  isDue(nowMs: number): boolean {
    return this.isWanted || (this.answerByMs === Infinity && nowMs >= this.nextAtMs);
  }

  /** PINGREQ was due; without room for it the deadline runs all the same: a link that takes nothing is dead too. */
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
    return this.answerByMs === Infinity ? this.nextAtMs : this.answerByMs;
  }
}
