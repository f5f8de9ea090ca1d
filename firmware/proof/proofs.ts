import { digest } from "./challenge.js";
import { counter } from "./counter.js";
import { auth5 } from "./exchange.js";
import { key } from "./key.js";
import { link } from "./link.js";
import { mac } from "./mac-frames.js";
import { noConnectProof, noFrameProof } from "./none.js";
import { password } from "./password.js";
import { type ConnectProof, type FrameProof, Strength } from "./proof.js";

/** How a device proves who it is: to the broker when it connects, and to the cloud in each frame. */
export const PROOFS = [
  "counter+mac",
  "counter",
  "mac",
  "password",
  "password+mac",
  "password+key",
  "password+digest",
  "key",
  "digest",
  "link",
  "link+mac",
  "auth5",
  "auth5+mac",
] as const;

/** One of {@link PROOFS}. */
export type Proof = (typeof PROOFS)[number];

const CONNECT_PROOFS: readonly ConnectProof[] = [counter, password, link, auth5];
const FRAME_PROOFS: readonly FrameProof[] = [mac, key, digest];

/** What a proof is made of. */
export interface ProofPair {
  readonly name: Proof;
  readonly connect: ConnectProof;
  readonly frame: FrameProof;
}

/** The part of a proof's name that is in a list; `none` where there is none. @construction */
const partOf = <T extends { readonly name: string }>(name: Proof, list: readonly T[], none: T): T => {
  const names = name.split("+");
  for (let i = 0; i < list.length; i++) if (names.indexOf(list[i].name) >= 0) return list[i];
  return none;
};

/** Takes a proof's name apart. @construction */
export const proofOf = (name: Proof): ProofPair => ({
  name,
  connect: partOf(name, CONNECT_PROOFS, noConnectProof),
  frame: partOf(name, FRAME_PROOFS, noFrameProof),
});

/** A proof is as strong as the stronger of its parts, unless one of them gives the key away. */
export const strengthOf = (proof: ProofPair): Strength => {
  const connect = proof.connect.strength;
  const frame = proof.frame.strength;
  return connect === Strength.BEARER || frame === Strength.BEARER
    ? Strength.BEARER
    : Math.max(connect, frame);
};
