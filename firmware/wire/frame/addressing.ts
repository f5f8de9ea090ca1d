import { NO_BYTES, sameBytes } from "../bytes.js";

/** Who a frame says it comes from, or goes to. */
export enum Party {
  ABSENT,
  US,
  CLOUD,
  OTHER,
}

/** Room behind an id for the rest of its topic: `/rpc-cbor`. */
const TOPIC_END_BYTES = 9;

/** The longest text that is taken for an id, bytes. */
const ID_TEXT_BYTES = 24;

/** The names in a frame's `src` and `dst`, and whose they are. */
export class Addressing {
  /** `src` from 0, `dst` from `idBytes` on; at least nine bytes longer than an id. */
  readonly bytes: Uint8Array;
  /** A frame's `id` where it is a text: the first `idLength` bytes, if so many fit; 0: it is none. */
  readonly id: Uint8Array;
  idLength: number;
  /** The longest `src` that is kept; none shorter than the cloud's address. */
  readonly idBytes: number;
  readonly us: Uint8Array;
  readonly cloud: Uint8Array;

  /**
   * @param us our device id
   * @param cloud the address that answers come from
   * @param hasTextIds ids of text are kept (mg-rpc)
   */
  constructor(us: Uint8Array, cloud: Uint8Array, idBytes: number, hasTextIds: boolean) {
    this.us = us;
    this.cloud = cloud;
    // What is compared with the cloud's address must be whole.
    this.idBytes = Math.max(idBytes, cloud.length);
    this.id = hasTextIds ? new Uint8Array(ID_TEXT_BYTES) : NO_BYTES;
    this.idLength = 0;
    this.bytes = new Uint8Array(this.idBytes + Math.max(us.length + 1, TOPIC_END_BYTES));
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
