import { type Group, Kind, type RowsOf } from "./options.js";
import { LinkSecurity } from "./ports.js";
import { Strength } from "./proof/proof.js";
import { PROOFS, type Proof, proofOf, strengthOf } from "./proof/proofs.js";
import { Status } from "./status.js";

/** The weakest proof and link that a device may use; provisioned with its credential, so that no setting undercuts it. */
export interface Floor {
  /** Nothing weaker than this proof. */
  readonly proof?: Proof;
  /** Nothing weaker than this link. */
  readonly link?: LinkSecurity;
  /** `sealed`: no token in the clear, whatever the link. Only proofs with `mac` can have that. */
  readonly token?: "sealed";
}

/** The rules for a floor. @construction */
export const floorGroup = (): Group => {
  const rows: RowsOf<Floor> = { proof: PROOFS, link: Kind.LINK, token: ["sealed"] };
  return { rows };
};

const A = Status.OK;
const X = Status.PROOF_EXPOSED;
const F = Status.FRAMES_UNPROVED;
const L = Status.LINK_UNPROVED;

// biome-ignore format: a table
/** Which proof may go over which link: a row per strength, a column per link. */
const POLICY = [
  //            PLAIN UNVERIFIED VERIFIED MUTUAL PSK
  /* BEARER   */ X,   X,         A,       A,     A,
  /* DIGEST   */ A,   A,         A,       A,     A,
  /* COUNTER  */ F,   F,         A,       A,     A,
  /* EXCHANGE */ F,   F,         A,       A,     A,
  /* MAC      */ A,   A,         A,       A,     A,
  /* LINK     */ L,   L,         L,       A,     A,
];
const LINKS = [
  LinkSecurity.PLAIN,
  LinkSecurity.UNVERIFIED_TLS,
  LinkSecurity.VERIFIED_TLS,
  LinkSecurity.MUTUAL_TLS,
  LinkSecurity.PSK_TLS,
];

/** A client certificate and TLS-PSK rank the same; −1: an unknown link. */
const rankOf = (link: LinkSecurity): number => Math.min(LINKS.indexOf(link), LinkSecurity.MUTUAL_TLS);

/** @construction */
const rankOfProof = (proof: Proof): Strength =>
  PROOFS.indexOf(proof) < 0 ? Strength.NONE : strengthOf(proofOf(proof));

/** An unknown rank is above all: nothing is strong enough for an unknown floor. */
const isBelow = (rank: number, least: number): boolean => least < 0 || rank < least;

/** The strongest proof for a link, where the app names none. */
export const proofFor = (link: LinkSecurity): Proof => {
  if (link >= LinkSecurity.MUTUAL_TLS) return "link";
  return link === LinkSecurity.VERIFIED_TLS ? "password" : "counter+mac";
};

/**
 * Whether a proof may go over a link, and neither is below the floor. An unknown proof or link is below any floor, and an
 * unknown floor is above all.
 * @param hasExchange the transport can carry a challenge and response before it accepts us
 * @param allowInsecure the app accepts PROOF_EXPOSED and FRAMES_UNPROVED; it does not lower the floor
 * @returns OK, PROOF_EXPOSED, FRAMES_UNPROVED, LINK_UNPROVED, PROOF_UNFIT, PROOF_BELOW_FLOOR or LINK_BELOW_FLOOR
 */
export const judge = (
  proof: Proof,
  link: LinkSecurity,
  hasExchange: boolean,
  allowInsecure: boolean,
  floor: Floor,
): Status => {
  const strength = rankOfProof(proof);
  const rank = rankOf(link);
  if (isBelow(rank, floor.link === undefined ? LinkSecurity.PLAIN : rankOf(floor.link)))
    return Status.LINK_BELOW_FLOOR;
  if (isBelow(strength, floor.proof === undefined ? Strength.BEARER : rankOfProof(floor.proof)))
    return Status.PROOF_BELOW_FLOOR;
  const parts = proofOf(proof);
  if (floor.token !== undefined && parts.frame.isMutual !== true) return Status.PROOF_BELOW_FLOOR;
  const verdict = POLICY[strength * LINKS.length + link];
  if (parts.connect.isExchange === true && !hasExchange) return Status.PROOF_UNFIT;
  return allowInsecure && verdict !== Status.LINK_UNPROVED ? Status.OK : verdict;
};
