import { sameBytes } from "./bytes.js";

/** Who a frame says it comes from, or goes to. */
export enum Party {
  ABSENT,
  US,
  CLOUD,
  OTHER,
}

/** Room behind an id for the rest of its topic: `/rpc-cbor`. */
const TOPIC_END_BYTES = 9;

/** The names in a frame's `src` and `dst`, and whose they are. */
export class Parties {
  /** `src` from 0, `dst` from `idBytes` on; at least nine bytes longer than an id. */
  readonly bytes: Uint8Array;
  /** The longest `src` that is kept. */
  readonly idBytes: number;
  private readonly us: Uint8Array;
  private readonly cloud: Uint8Array;

  /**
   * @param us our device id
   * @param cloud the address that answers come from
   */
  constructor(us: Uint8Array, cloud: Uint8Array, idBytes: number) {
    this.us = us;
    this.cloud = cloud;
    this.idBytes = idBytes;
    this.bytes = new Uint8Array(idBytes + Math.max(us.length + 1, TOPIC_END_BYTES));
  }

  /** Whose name the `length` bytes from `from` on are. */
  partyAt(from: number, length: number): Party {
    if (this.isAt(this.us, from, length)) return Party.US;
    return this.isAt(this.cloud, from, length) ? Party.CLOUD : Party.OTHER;
  }

  private isAt(name: Uint8Array, from: number, length: number): boolean {
    return length === name.length && sameBytes(name, 0, this.bytes, from, length);
  }
}
