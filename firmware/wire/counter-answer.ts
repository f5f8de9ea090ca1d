import { Member } from "./members.js";
import { ValueEvent, type ValueReader } from "./value.js";

/** Bytes of the MAC in base64url. */
const MAC_CHARACTERS = 43;

/** The result of Counter as a frame has it: nothing of it is to be believed before its MAC was checked. */
export class CounterAnswer {
  /** A whole number, or −1. */
  counter: number;
  /** How long the MAC's text is; what is longer than `mac` was cut. */
  macLength: number;
  readonly mac: Uint8Array;

  constructor() {
    this.mac = new Uint8Array(MAC_CHARACTERS);
    this.reset();
  }

  /** Of the next frame. */
  reset(): void {
    this.counter = -1;
    this.macLength = 0;
  }

  /** The MAC's value comes next. */
  expect(value: ValueReader): void {
    value.capture(this.mac, 0, MAC_CHARACTERS);
  }

  /** The value of one of its members, if it is one. */
  take(member: Member, event: ValueEvent, value: ValueReader): void {
    const isNumber = event === ValueEvent.NUMBER && value.isInteger;
    if (member === Member.COUNTER && isNumber && value.number >= 0) this.counter = value.number;
    if (member === Member.COUNTER_MAC && event === ValueEvent.STRING) this.macLength = value.textLength;
  }
}
