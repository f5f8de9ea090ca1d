import { type Group, Kind, type RowsOf } from "./options.js";
import { LinkSecurity } from "./ports.js";
import { Status } from "./status.js";

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

/** What proves us when we connect. */
export enum ConnectProof {
  NONE,
  /** A password that is good once: a counter and its MAC. */
  COUNTER,
  /** The PSK as password: whoever reads the link has it. */
  PASSWORD,
  /** The link itself: a client certificate or a key that TLS was made with. */
  LINK,
  /** A challenge and response before the connection is accepted (MQTT 5, 4.12). */
  EXCHANGE,
}

/** What stands in each frame. */
export enum FrameProof {
  NONE,
  /** A MAC over the frame, both ways. */
  MAC,
  /** The PSK in a member `key`: whoever reads the link has it. */
  KEY,
  /** mg-rpc's challenge and response. */
  DIGEST,
}

/** The least that a device may be content with; provisioned with its credential, so that no setting undercuts it. */
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

/** What a proof gives to whom it is shown, from the weakest on. */
enum Strength {
  /** Not a proof. */
  NONE = -1,
  /** The key itself. */
  BEARER,
  /** One answer, which binds neither method nor arguments. */
  DIGEST,
  /** One password, good once, and nothing in the frames: whoever relays it speaks on. */
  COUNTER,
  /** Both ends are proved while connecting, and nothing in the frames: whoever relays that speaks on. */
  EXCHANGE,
  /** Both ends are proved in every frame. */
  MAC,
  /** Both ends are proved before a byte of ours leaves. */
  LINK,
}

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

/** @construction */
const hasPart = (proof: Proof, part: string): boolean => proof.split("+").indexOf(part) >= 0;

/** What proves us when we connect with this proof. */
export const connectProofOf = (proof: Proof): ConnectProof => {
  if (hasPart(proof, "counter")) return ConnectProof.COUNTER;
  if (hasPart(proof, "password")) return ConnectProof.PASSWORD;
  if (hasPart(proof, "link")) return ConnectProof.LINK;
  return hasPart(proof, "auth5") ? ConnectProof.EXCHANGE : ConnectProof.NONE;
};

/** What stands in each frame with this proof. */
export const frameProofOf = (proof: Proof): FrameProof => {
  if (hasPart(proof, "mac")) return FrameProof.MAC;
  if (hasPart(proof, "key")) return FrameProof.KEY;
  return hasPart(proof, "digest") ? FrameProof.DIGEST : FrameProof.NONE;
};

/** A proof is as strong as the strongest of its parts, unless one of them gives the key away. */
const strengthOf = (proof: Proof): Strength => {
  if (PROOFS.indexOf(proof) < 0) return Strength.NONE;
  const connect = connectProofOf(proof);
  const frame = frameProofOf(proof);
  if (connect === ConnectProof.PASSWORD || frame === FrameProof.KEY) return Strength.BEARER;
  if (connect === ConnectProof.LINK) return Strength.LINK;
  if (frame === FrameProof.MAC) return Strength.MAC;
  if (connect === ConnectProof.EXCHANGE) return Strength.EXCHANGE;
  if (connect === ConnectProof.COUNTER) return Strength.COUNTER;
  return frame === FrameProof.DIGEST ? Strength.DIGEST : Strength.NONE;
};

/** A certificate and a key that TLS was made with count the same; −1: it is no link. */
const rankOf = (link: LinkSecurity): number => Math.min(LINKS.indexOf(link), LinkSecurity.MUTUAL_TLS);

/** What is no rank is above all: nothing is strong enough for a floor that is not understood. */
const isBelow = (rank: number, least: number): boolean => least < 0 || rank < least;

/** Whether somebody who reads this link, or answers in the cloud's place, learns the key. */
export const isBearer = (proof: Proof): boolean => strengthOf(proof) === Strength.BEARER;

/** The strongest proof for a link, where the app names none. */
export const proofFor = (link: LinkSecurity): Proof => {
  if (link >= LinkSecurity.MUTUAL_TLS) return "link";
  return link === LinkSecurity.VERIFIED_TLS ? "password" : "counter+mac";
};

/**
 * Whether a proof may go over a link, and neither is below the floor. What is no proof or no link is below any, and a
 * floor that is neither is above all.
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
  const strength = strengthOf(proof);
  const rank = rankOf(link);
  if (isBelow(rank, floor.link === undefined ? LinkSecurity.PLAIN : rankOf(floor.link)))
    return Status.LINK_BELOW_FLOOR;
  if (isBelow(strength, floor.proof === undefined ? Strength.BEARER : strengthOf(floor.proof)))
    return Status.PROOF_BELOW_FLOOR;
  if (floor.token !== undefined && frameProofOf(proof) !== FrameProof.MAC) return Status.PROOF_BELOW_FLOOR;
  const verdict = POLICY[strength * LINKS.length + link];
  if (connectProofOf(proof) === ConnectProof.EXCHANGE && !hasExchange) return Status.PROOF_UNFIT;
  return allowInsecure && verdict !== Status.LINK_UNPROVED ? Status.OK : verdict;
};
