import type { AuthClient, AuthOptions, Ports } from "../../firmware/index.js";
import { Status } from "../../firmware/index.js";
import { leanClient } from "../../host-sim/espruino/client.js";
import { type Natives, nativesOf } from "../../host-sim/espruino/natives.js";
import type { Peer } from "../auth/peer.js";
import type { VirtualTime } from "../auth/time.js";

/** The time, and the far end of the link. */
export interface Far {
  readonly time: VirtualTime;
  readonly peer: Peer;
}

/** The natives of a device in virtual time. */
export const virtualNatives = (ports: Ports, { time, peer }: Far): Natives =>
  nativesOf(ports, {
    later: (run) => time.after(1, run),
    isUnknown: () => !peer.isReachable && peer.whyUnreachable === Status.HOST_UNKNOWN,
  });

/** Espruino's core behind the words of the other, for the tests that both pass. */
export const virtualClient = (auth: AuthOptions, ports: Ports, far: Far): AuthClient =>
  leanClient(auth, virtualNatives(ports, far));
