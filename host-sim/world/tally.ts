import { Status } from "../../firmware/index.js";

/** Steps that divide a token's life. */
const AGES = 20;

/** The counts of one cell, or of all of them: sums only, so that their order does not matter. */
export class Tally {
  devices = 0;
  deviceMs = 0;
  boots = 0;
  opens = 0;
  faults = 0;
  requests = 0;
  issued = 0;
  calls = 0;
  writes = 0;
  /** Calls by how they ended, such as `get OK`. */
  readonly ends: Record<string, number> = {};
  /** Tokens handed to the app, by the elapsed share of their life. */
  readonly ages: number[] = new Array(AGES).fill(0);
  /** Requests that the cloud accepted, and connection attempts, in each second. */
  readonly requestsAt: Map<number, number> = new Map();
  readonly opensAt: Map<number, number> = new Map();

  told(what: string, status: Status, _afterMs: number): void {
    const name = `${what} ${Status[status]}`;
    this.calls++;
    this.ends[name] = (this.ends[name] ?? 0) + 1;
  }

  age(ageMs: number, lifeMs: number): void {
    const step = Math.min(AGES - 1, Math.max(0, Math.floor((ageMs / lifeMs) * AGES)));
    this.ages[step] = (this.ages[step] as number) + 1;
  }

  accepted(atMs: number): void {
    this.requests++;
    bump(this.requestsAt, Math.floor(atMs / 1_000), 1);
  }

  opened(atMs: number): void {
    this.opens++;
    bump(this.opensAt, Math.floor(atMs / 1_000), 1);
  }

  /** Adds another tally. */
  add(other: Tally): void {
    this.devices += other.devices;
    this.deviceMs += other.deviceMs;
    this.boots += other.boots;
    this.opens += other.opens;
    this.faults += other.faults;
    this.requests += other.requests;
    this.issued += other.issued;
    this.calls += other.calls;
    this.writes += other.writes;
    for (const [name, count] of Object.entries(other.ends)) this.ends[name] = (this.ends[name] ?? 0) + count;
    for (let i = 0; i < AGES; i++) this.ages[i] = (this.ages[i] as number) + (other.ages[i] as number);
    for (const [second, count] of other.requestsAt) bump(this.requestsAt, second, count);
    for (const [second, count] of other.opensAt) bump(this.opensAt, second, count);
  }
}

function bump(counts: Map<number, number>, key: number, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
