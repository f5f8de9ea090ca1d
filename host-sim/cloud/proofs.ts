import type { Accounts } from "./accounts.js";
import { Digest } from "./digest.js";
import type { Frame } from "./frame.js";
import { type Envelope, MacSession, parseOpening, type SessionOpening } from "./mac-session.js";
import type { Peer } from "./peers.js";
import { deriveKey, hmac, keysOf, sameSecret } from "./secret.js";
import { after, type Soon } from "./soon.js";
import type { ConnectProof, Entity, FrameProof, Voucher } from "./types.js";

const COUNTER_PASSWORD = /^(0|[1-9]\d{0,15})\.([A-Za-z0-9_-]{43})$/;

/**
 * What proves a connection and what follows on it. Nobody can stand inside of the first two; who relays a password
 * has the key, so that no proof in the frames would keep him out. A counter or an exchange can be relayed, and what
 * follows be replaced.
 */
const VOUCHERS: readonly Voucher[] = ["certificate", "psk", "password", "broker"];

/** A frame's proof judged. `session` is set for a MAC'd frame: its reply goes out under it. */
export type Verdict =
  | { verdict: "proved"; proof: FrameProof; session: MacSession | null }
  | { verdict: "refused"; reason: string; message: string }
  | { verdict: "dropped"; reason: string };

const COUNTER_USED = refused(
  "mac-counter",
  "The counter in sec was used before; open the session with a higher one",
);

/** What `Proofs` needs to know. */
export interface ProofOptions {
  realm: string;
  nonceLifetimeMs: number;
  /** undefined: by how the connection was proved. */
  requireFrameProof: boolean | undefined;
  now: () => number;
  /** Is this text a token of the caller for the cloud's own API? */
  isApiToken: (token: string, id: string) => Soon<boolean>;
  /** Called when a device opens a MAC session. */
  opened: (id: string, counter: number) => void;
}

/** Checks how connections and frames prove who they are. */
export class Proofs {
  private digest: Digest;

  constructor(
    private accounts: Accounts,
    private options: ProofOptions,
  ) {
    this.digest = new Digest(options.realm, options.nonceLifetimeMs, options.now);
  }

  /** How a password proves the entity: as the PSK, as a counter password, or (null) not at all. */
  connect(entity: Entity, password: Uint8Array): Soon<ConnectProof | null> {
    const keys = keysOf(entity);
    if (keys.some((psk) => sameSecret(password, psk))) return "password";
    const match = COUNTER_PASSWORD.exec(Buffer.from(password).toString("latin1"));
    if (match === null) return null;
    const counter = Number(match[1]);
    const isRight = keys.some((psk) => {
      const expected = hmac(deriveKey(psk, "motekey counter v1"), `${entity.id}:${match[1]}`);
      return sameSecret(match[2] ?? "", expected.toString("base64url"));
    });
    if (!isRight || !Number.isSafeInteger(counter)) return null;
    const taken = this.accounts.takeCounter(entity, "connect", counter);
    return after(taken, (isTaken) => (isTaken ? "counter" : null));
  }

  /**
   * Judges a frame.
   * @param voucher how its connection was proved
   */
  frame(entity: Entity, peer: Peer, voucher: Voucher, frame: Frame, envelope: Envelope): Soon<Verdict> {
    if (envelope.mac !== null) return this.macFrame(entity, peer, frame, envelope);
    if (openSession(entity, peer) !== null) {
      return refused(
        "mac-missing",
        "This session's frames are MAC'd and this one is not; send it with its MAC",
      );
    }
    if (frame.key !== undefined) return this.keyFrame(entity, frame.key);
    if (frame.auth !== undefined) return this.digestFrame(entity, peer, frame.auth);
    if (this.isVouchedFor(voucher)) return { verdict: "proved", proof: "link", session: null };
    return this.challenged(peer, "proof-missing");
  }

  /** Whether the connection's proof stands for a frame on it that has none. */
  private isVouchedFor(voucher: Voucher): boolean {
    const { requireFrameProof = !VOUCHERS.includes(voucher) } = this.options;
    return voucher !== "none" && !requireFrameProof;
  }

  /** The message of an error 401 for somebody the registry does not know: as for one whom it knows. */
  strangersChallenge(): string {
    return this.digest.strangersChallenge();
  }

  private macFrame(entity: Entity, peer: Peer, frame: Frame, envelope: Envelope): Soon<Verdict> {
    const known = openSession(entity, peer);
    let session = known;
    if (frame.sec !== undefined) {
      const opening = parseOpening(frame.sec);
      if (opening === null)
        return refused("sec-malformed", 'sec is {"c":counter,"n":22 characters of base64url}');
      if (session === null || !session.isOpenedBy(opening)) {
        if (opening.counter <= entity.counters.mac) {
          return COUNTER_USED;
        }
        session = sessionOf(entity, opening, envelope);
      }
    }
    if (session === null) return refused("mac-session-unknown", "No MAC session is open; open one with sec");
    if (!session.verifies(envelope))
      return refused("mac-wrong", "The MAC is wrong; check the PSK and the session");
    const proved: Verdict = { verdict: "proved", proof: "mac", session };
    if (session === known) {
      return after<boolean, Verdict>(peer.accept(session, envelope.sequence), (isNew) =>
        isNew ? proved : { verdict: "dropped", reason: "mac-replayed" },
      );
    }
    const { counter } = session.opening;
    return after(peer.open(session, envelope.sequence), (isOpen) => {
      if (!isOpen) return COUNTER_USED;
      this.options.opened(entity.id, counter);
      return proved;
    });
  }

  private keyFrame(entity: Entity, key: unknown): Soon<Verdict> {
    const wrong = refused("key-wrong", "The key is wrong");
    if (typeof key !== "string") return wrong;
    const isTheirs = keysOf(entity).some((psk) => sameSecret(key, psk));
    const good = isTheirs || this.options.isApiToken(key, entity.id);
    return after<boolean, Verdict>(good, (isGood) =>
      isGood ? { verdict: "proved", proof: "key", session: null } : wrong,
    );
  }

  private digestFrame(entity: Entity, peer: Peer, auth: unknown): Soon<Verdict> {
    return after<string | null, Verdict>(this.digest.fault(auth, entity, peer), (fault) =>
      fault === null ? { verdict: "proved", proof: "digest", session: null } : this.challenged(peer, fault),
    );
  }

  private challenged(peer: Peer, reason: string): Soon<Verdict> {
    return after(this.digest.challenge(peer), (challenge) => refused(reason, challenge));
  }
}

/** The open session, unless it is of a key that is no more. */
function openSession(entity: Entity, { macSession }: Peer): MacSession | null {
  return macSession !== null && keysOf(entity).includes(macSession.psk) ? macSession : null;
}

/** The session that is opened, under the key that the message was MAC'd with. */
function sessionOf(entity: Entity, opening: SessionOpening, envelope: Envelope): MacSession {
  const session = new MacSession(entity.psk, opening);
  if (entity.nextPsk === undefined || session.verifies(envelope)) return session;
  return new MacSession(entity.nextPsk, opening);
}

function refused(reason: string, message: string): Verdict {
  return { verdict: "refused", reason, message };
}
