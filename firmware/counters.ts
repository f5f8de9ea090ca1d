/** What was dropped, repeated or refused since the start: numbers for people, never a reason to stop. */
export class Counters {
  /** Connections that became ready, and that ended otherwise than by us. */
  connects: number;
  losses: number;
  /** Connections that we gave up because the peer sent on and took nothing from us. */
  congestions: number;
  /** Requests published, and those among them that were published again under the same id. */
  requests: number;
  retries: number;
  /** Refreshes that failed while the old token still served. */
  refreshFailures: number;
  /** Our own frames, sent back to us. */
  echoes: number;
  /** Frames for somebody else, or from somebody that we did not ask. */
  foreign: number;
  /** Answers to no pending call: late, or doubled. */
  unknownIds: number;
  /** Frames that were not v2 frames. */
  malformed: number;
  /** Frames with a missing or wrong MAC, and those with a sequence that was already taken. */
  macRefused: number;
  macReplayed: number;
  /** Requests of others that we answered with 404, and those that we didn't answer. */
  requestsRefused: number;
  requestsDropped: number;
  /** Counters that were behind, and were taken from the cloud. */
  recoveries: number;
  /** Records in the store of another device, cloud or credential, which were dropped. */
  recordsDropped: number;

  constructor() {
    this.connects = 0;
    this.losses = 0;
    this.congestions = 0;
    this.requests = 0;
    this.retries = 0;
    this.refreshFailures = 0;
    this.echoes = 0;
    this.foreign = 0;
    this.unknownIds = 0;
    this.malformed = 0;
    this.macRefused = 0;
    this.macReplayed = 0;
    this.requestsRefused = 0;
    this.requestsDropped = 0;
    this.recoveries = 0;
    this.recordsDropped = 0;
  }
}
