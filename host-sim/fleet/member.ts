import {
  type Address,
  type AuthClient,
  createAuth,
  type LimitOptions,
  type LinkEvents,
  type Proof,
  Scratch,
  State,
  Status,
} from "../../firmware/index.js";
import { explain } from "../explain.js";
import { NodeLink } from "../node/link.js";
import { NodeClock, nodeEntropy } from "../node/ports.js";
import type { Credential } from "./provisioning.js";

/** Bytes of all members, as TCP carries them, without its own headers. */
export interface Traffic {
  sentBytes: number;
  receivedBytes: number;
}

/** All members run on one thread. */
const scratch = new Scratch();

/** What the members of a fleet share. */
export interface MemberOptions {
  readonly address: Address;
  readonly limits: LimitOptions;
  readonly proof: Proof;
  readonly allowInsecure: boolean;
  /** The app whose token each member asks for; null: a member is at its goal when it is connected. */
  readonly tokenHost: string | null;
  readonly traffic: Traffic;
  /** Called once, when the member reached its goal or when its call failed. */
  readonly onArrived: (member: Member, status: Status) => void;
}

/** A link that counts. It stands on both sides of the one below it, so that a member costs one object more. */
class MeteredLink extends NodeLink implements LinkEvents {
  private events: LinkEvents | null = null;

  constructor(private readonly traffic: Traffic) {
    super();
  }

  override open(address: Address, events: LinkEvents): void {
    this.events = events;
    super.open(address, this);
  }

  override write(bytes: Uint8Array, from: number, to: number): number {
    const taken = super.write(bytes, from, to);
    this.traffic.sentBytes += taken;
    return taken;
  }

  opened(): void {
    this.events?.opened();
  }

  received(bytes: Uint8Array, from: number, to: number): void {
    this.traffic.receivedBytes += to - from;
    this.events?.received(bytes, from, to);
  }

  writable(): void {
    this.events?.writable();
  }

  closed(status: Status): void {
    this.events?.closed(status);
  }
}

/** One device of a fleet: as little as possible beside the firmware, since its memory is measured. */
export class Member {
  readonly startedAtMs: number;
  private readonly auth: AuthClient;

  /** Connects at once. */
  constructor(credential: Credential, options: MemberOptions) {
    const { address, limits, proof, allowInsecure, tokenHost, traffic, onArrived } = options;
    this.startedAtMs = performance.now();
    this.auth = createAuth(
      {
        deviceId: credential.id,
        cloud: address,
        credential: { psk: credential.psk, counter: Date.now() },
        proof,
        allowInsecure,
        limits,
      },
      { link: new MeteredLink(traffic), clock: new NodeClock(), entropy: nodeEntropy },
      scratch,
    );
    if (tokenHost !== null) {
      this.auth.host(tokenHost).getToken((status) => onArrived(this, status));
      return;
    }
    this.auth.onState = (state) => {
      if (state === State.READY) onArrived(this, Status.OK);
      else if (state === State.WAITING) onArrived(this, explain(this.auth).status);
      else return;
      this.auth.onState = null;
    };
  }

  close(): void {
    this.auth.close();
  }
}
