/**
 * A client on the loopback, to be weighed: what is its own begins with {@link ChipClient.start}. This file runs inside
 * XS, as `rig.ts` does, and makes no garbage of its own either.
 */
import { createAuth, type Host, type Proof, State, Status, type Token } from "../../firmware/index.js";
import { DEVICE, FarEnd, HOST, PSK } from "./rig.js";
import { entropy, HandClock } from "./rig-ports.js";

/** The far end and the clock; then a client. */
export class ChipClient {
  private readonly farEnd: FarEnd;
  private readonly clock: HandClock;
  private readonly proof: Proof;
  private app: Host | null;
  private readonly onToken: (status: Status, token: Token | null) => void;

  constructor(proof: Proof) {
    this.farEnd = new FarEnd(proof, false);
    this.clock = new HandClock();
    this.proof = proof;
    this.app = null;
    this.onToken = (status: Status): void => {
      if (status !== Status.OK) throw new Error(`chip: status ${status} instead of a token`);
    };
  }

  /** Makes a client as an app does, connects it and fetches a token. */
  start(): void {
    const credential = { psk: PSK, counter: 1 };
    const options = {
      deviceId: DEVICE,
      cloud: { host: "loopback" },
      credential,
      proof: this.proof,
      allowInsecure: true,
    };
    const auth = createAuth(options, { link: this.farEnd, clock: this.clock, entropy });
    this.app = auth.host(HOST);
    this.clock.fire();
    if (this.farEnd.events === null) throw new Error("chip: the device opens no link");
    this.farEnd.events.opened();
    this.farEnd.deliver();
    this.roundTrip();
    if (auth.state !== State.READY) throw new Error(`chip: the device is in state ${auth.state}`);
  }

  /** A new token. */
  roundTrip(): void {
    if (this.app === null) throw new Error("chip: not started");
    this.clock.nowMs++;
    this.app.generateToken(this.onToken);
    this.clock.fire();
    this.farEnd.deliver();
  }
}
