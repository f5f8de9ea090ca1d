import type { Accounts } from "./accounts.js";
import { APP_TOPICS, isOwnReply, isOwnRequest, replyTopic, requestTopic } from "./channel.js";
import { Unavailable } from "./frame.js";
import type { Proofs } from "./proofs.js";
import { recoveredBy } from "./recoverer.js";
import type { Recoveries } from "./recoveries.js";
import { after, type Soon } from "./soon.js";
import type { LinkIdentity } from "./tls.js";
import type { ConnectProof, Entity, Role, Voucher } from "./types.js";

/** CONNACK return codes (MQTT 3.1.1, 3.2.2.3). */
const SERVER_UNAVAILABLE = 3;
const BAD_USER_NAME_OR_PASSWORD = 4;
const NOT_AUTHORIZED = 5;

/** Who knocks. */
export interface Visitor {
  /** Whom they say they are. */
  id: string;
  userName: string | undefined;
  password: Uint8Array | undefined;
  /** Whom their TLS handshake proved; null: nobody. */
  link: LinkIdentity | null;
  /** Somebody who proved to be of this id is connected already. */
  isHeld: boolean;
  /** Where they connect from; undefined: a broker asks, and does not say. */
  address?: string | undefined;
}

/** Why a visitor stays outside: `barred` where it is not for want of a proof. */
export interface Refusal {
  barred: boolean;
  reason: string;
  /** It is the cloud that cannot: try again later. */
  isOurs?: true;
  /** It is the visitor who comes too often: try again after so many seconds. */
  retryAfterSeconds?: number;
}

/** Nobody is let in whose counter could be played back after a restart. */
const NOT_KEPT: Refusal = { barred: true, reason: "counter-not-kept", isOurs: true };
/** Nobody is let in while nobody can say who they are. */
const UNAVAILABLE: Refusal = { barred: true, reason: "unavailable", isOurs: true };

/** Who is in, and how that was proved. */
export interface Login {
  id: string;
  proof: Voucher;
  role: Role;
}

/** Who is in on a connection that is ours. */
export interface ConnectedLogin extends Login {
  proof: ConnectProof;
}

/** How a visitor was proved, and who they are; or why they stay outside. */
export type Judgement = { proof: ConnectProof; role: Role } | Refusal;

/** Decides who may connect, over whatever transport. */
export class Door {
  constructor(
    private readonly accounts: Accounts,
    private readonly proofs: Proofs,
    private readonly recoveries: Recoveries,
  ) {}

  /**
   * Judges what somebody shows when they connect.
   * @param then called when all that the judgement rests on is on the disk; at once where nothing has to be
   */
  admit(visitor: Visitor, then: (judgement: Judgement) => void): void {
    const judgement = this.judge(visitor);
    if (!(judgement instanceof Promise)) this.tell(visitor, judgement, then);
    else
      judgement
        .catch((failure: Error) => (failure instanceof Unavailable ? UNAVAILABLE : NOT_KEPT))
        .then((found) => this.tell(visitor, found, then));
  }

  /** Reports a judgement, whoever was judged. */
  tell(_visitor: Visitor, judgement: Judgement, then: (judgement: Judgement) => void): void {
    then(judgement);
  }

  private judge(visitor: Visitor): Soon<Judgement> {
    const device = recoveredBy(visitor.id);
    if (device !== null) return this.judgeRecovery(device, visitor);
    return after<Entity | Refusal, Judgement>(this.entityOf(visitor), (entity) => {
      if ("reason" in entity) return entity;
      const { role, disabled } = entity;
      const { password, link } = visitor;
      if (password !== undefined) {
        return after<ConnectProof | null, Judgement>(this.proofs.connect(entity, password), (proof) => {
          if (proof === null) return unproven("password");
          return disabled ? barred("disabled") : { proof, role };
        });
      }
      if (disabled) return barred("disabled");
      return link === null ? this.judgeUnproven(entity, visitor) : { proof: link.proof, role };
    });
  }

  /** Judges who shows no password, over a link that proves nobody. */
  protected judgeUnproven(_entity: Entity, _visitor: Visitor): Judgement {
    return unproven("password-missing");
  }

  /** Judges who asks for a device's counter. A link that proves somebody proves that device. */
  private judgeRecovery(device: string, { id, userName, password, link, isHeld }: Visitor): Soon<Judgement> {
    if (userName !== id) return unproven("user-name");
    const asDevice = this.entityOf({ id: device, userName: device, password, link, isHeld });
    return after<Entity | Refusal, Judgement>(asDevice, (entity) => {
      if ("reason" in entity) return entity;
      return after<"password" | "recovery-rate" | null, Judgement>(
        this.recoveries.refusalOf(entity, password),
        (refusal) => {
          if (refusal === "password") return unproven(refusal);
          if (refusal !== null) return barred(refusal);
          return entity.disabled ? barred("disabled") : { proof: "recover", role: entity.role };
        },
      );
    });
  }

  /** Whom a visitor names, as far as their user name and their link agree with that. Nothing is proved yet. */
  entityOf({ id, userName, link }: Visitor): Soon<Entity | Refusal> {
    return after<Entity | undefined, Entity | Refusal>(this.accounts.find(id), (entity) => {
      if (userName !== undefined && userName !== id) return unproven("user-name");
      if (entity === undefined) return unproven("unknown");
      if (link !== null && link.id !== id) return barred("link-identity");
      const pinned = entity.certFingerprint;
      if (link?.fingerprint !== undefined && pinned !== undefined && link.fingerprint !== pinned) {
        return barred("certificate-pinned");
      }
      return entity;
    });
  }

  /** The role of a client of this id, or of one that asks for its counter; null: it may not be connected now. */
  roleOf(id: string): Soon<Role | null> {
    return after(this.accounts.find(recoveredBy(id) ?? id), (entity) =>
      entity === undefined || entity.disabled ? null : entity.role,
    );
  }

  /** May who is in subscribe to a topic or filter, and be sent its messages? */
  mayRead(login: Login, topic: string): boolean {
    const { id } = login;
    if (recoveredBy(id) !== null)
      return [`${replyTopic(id, "json")}/#`, replyTopic(id, "json")].includes(topic);
    return isOwnReply(id, topic) || mayUseApp(login, topic);
  }

  /** May who is in publish on a topic? */
  mayWrite(login: Login, topic: string): boolean {
    const { id } = login;
    if (recoveredBy(id) !== null) return topic === requestTopic(id, "json");
    return isOwnRequest(id, topic) || mayUseApp(login, topic);
  }

  /** Whether a connection may be made that names nobody: its frames say, and prove, whose they are. */
  get admitsAnonymous(): boolean {
    return false;
  }
}

/** A device has its own app's topics, a backend those of all; who only names one has none: these messages prove nobody. */
function mayUseApp({ id, proof, role }: Login, topic: string): boolean {
  if (proof === "none") return false;
  return topic.startsWith(role === "backend" ? APP_TOPICS : `${APP_TOPICS}${id}/`);
}

/** The return code of the CONNACK that refuses, in MQTT 3.1.1. */
export function connackOf({ barred, isOurs, retryAfterSeconds }: Refusal): number {
  if (isOurs === true || retryAfterSeconds !== undefined) return SERVER_UNAVAILABLE;
  return barred ? NOT_AUTHORIZED : BAD_USER_NAME_OR_PASSWORD;
}

/** The status of HTTP that refuses (RFC 9110, RFC 6585). */
export function statusOf({ barred, isOurs, retryAfterSeconds }: Refusal): 401 | 403 | 429 | 503 {
  if (retryAfterSeconds !== undefined) return 429;
  if (isOurs === true) return 503;
  return barred ? 403 : 401;
}

/** Too many requests, before the sender is known. */
export function tooMany(retryAfterSeconds: number): Refusal {
  return { barred: true, reason: "rate", retryAfterSeconds };
}

/** Stays outside for want of a proof. */
export function unproven(reason: string): Refusal {
  return { barred: false, reason };
}

/** Stays outside, whatever they show. */
export function barred(reason: string): Refusal {
  return { barred: true, reason };
}
