import type { Address } from "./ports.js";

/** Where the cloud is reached: the first place, and others that stand in for it. */
export class Addresses {
  readonly list: readonly Address[];
  /** Which one is in use, or was tried last. */
  index: number;
  private nextIndex: number;
  /** How many refused us one after the other. */
  private refusals: number;

  constructor(list: readonly Address[]) {
    this.list = list;
    this.index = 0;
    this.nextIndex = 0;
    this.refusals = 0;
  }

  /** The one in use, or tried last. */
  present(): Address {
    return this.list[this.index];
  }

  /** The one to open a connection to. */
  next(): Address {
    this.index = this.nextIndex;
    return this.list[this.index];
  }

  /**
   * The present one failed: the next one's turn comes, after the last one's the first's.
   * @param isRefusal it answered, and will not let us in
   * @returns whether that was the last of all that refused us: no place is left to go to
   */
  failed(isRefusal: boolean): boolean {
    this.nextIndex = (this.index + 1) % this.list.length;
    this.refusals = isRefusal ? this.refusals + 1 : 0;
    const isEnd = this.refusals === this.list.length;
    if (isEnd) this.refusals = 0;
    return isEnd;
  }

  /** The present one served well: it is the first one's turn, whatever stood in for it. */
  served(): void {
    this.nextIndex = 0;
  }
}
