import type { ReplyError } from "./frame.js";
import type { Entity } from "./types.js";

/** What senders are held to. The mock holds nobody to anything: {@link UNLIMITED}. */
export interface Limits {
  /** Takes a place for a message on its way through; false: there is none, and the message is let fall. */
  arrive(id: string): boolean;
  /** Gives that place back. */
  leave(id: string): void;
  /** What a request of a proved sender is answered that comes too soon; null: it is carried out. */
  refusalOf(caller: Entity): ReplyError | null;
  /** Answers a wrong proof late, and later each time. @param address of the sender; undefined: not known */
  late(id: string, address: string | undefined, answer: () => void): void;
}

export const UNLIMITED: Limits = {
  arrive: () => true,
  leave: () => {},
  refusalOf: () => null,
  late: (_id, _address, answer) => answer(),
};
