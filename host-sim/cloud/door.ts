import { APP_TOPICS, isOwnReply, isOwnRequest, replyTopic, requestTopic } from "./channel.js";
import type { Proofs } from "./proofs.js";
import { recoveredBy } from "./recoverer.js";
import type { Recoveries } from "./recoveries.js";
import type { Registry } from "./registry.js";
import type { LinkIdentity } from "./tls.js";
import type { ConnectProof, Entity, Voucher } from "./types.js";

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
}

/** Why a visitor stays outside: `barred` where it is not for want of a proof. */
export interface Refusal {
  barred: boolean;
  reason: string;
  /** It is the cloud that cannot: try again later. */
  isOurs?: true;
}

/** Nobody is let in whose counter could be played back after a restart. */
const NOT_KEPT: Refusal = { barred: true, reason: "counter-not-kept", isOurs: true };

/** How a visitor was proved, or why they stay outside. */
export type Judgement = { proof: ConnectProof } | Refusal;

/** Decides who may connect, over whatever transport. */
export class Door {
  constructor(
    private registry: Registry,
    private proofs: Proofs,
    /** Connections without a password may be made, as unproven. */
    private anonymous: boolean,
    private recoveries: Recoveries,
  ) {}

  /**
   * Judges what somebody shows when they connect.
   * @param then told when all that the judgement rests on is on the disk; at once where nothing has to be
   */
  admit(visitor: Visitor, then: (judgement: Judgement) => void): void {
    const judgement = this.judge(visitor);
    const usedCounter = "proof" in judgement && judgement.proof === "counter";
    const kept = usedCounter ? this.registry.kept : null;
    if (kept === null) then(judgement);
    else
      kept.then(
        () => then(judgement),
        () => then(NOT_KEPT),
      );
  }

  private judge(visitor: Visitor): Judgement {
    const device = recoveredBy(visitor.id);
    if (device !== null) return this.judgeRecovery(device, visitor);
    const entity = this.entityOf(visitor);
    if ("reason" in entity) return entity;
    const { password, link, isHeld } = visitor;
    if (password !== undefined) {
      const proof = this.proofs.connect(entity, password);
      if (proof === null) return unproven("password");
      return entity.disabled ? barred("disabled") : { proof };
    }
    if (entity.disabled) return barred("disabled");
    if (link !== null) return { proof: link.proof };
    if (!this.anonymous) return unproven("password-missing");
    return isHeld ? barred("takeover") : { proof: "none" };
  }

  /** Judges who asks for a device's counter. A link that proves somebody proves that device. */
  private judgeRecovery(device: string, { id, userName, password, link, isHeld }: Visitor): Judgement {
    if (userName !== id) return unproven("user-name");
    const entity = this.entityOf({ id: device, userName: device, password, link, isHeld });
    if ("reason" in entity) return entity;
    const refusal = this.recoveries.refusalOf(entity, password);
    if (refusal === "password") return unproven(refusal);
    if (refusal !== null) return barred(refusal);
    return entity.disabled ? barred("disabled") : { proof: "recover" };
  }

  /** Whom a visitor names, as far as their user name and their link agree with that. Nothing is proved yet. */
  entityOf({ id, userName, link }: Visitor): Entity | Refusal {
    const entity = this.registry.get(id);
    if (userName !== undefined && userName !== id) return unproven("user-name");
    if (entity === undefined) return unproven("unknown");
    if (link !== null && link.id !== id) return barred("link-identity");
    const pinned = entity.certFingerprint;
    if (link?.fingerprint !== undefined && pinned !== undefined && link.fingerprint !== pinned) {
      return barred("certificate-pinned");
    }
    return entity;
  }

  /** Whether a client of this id, or one that asks for its counter, may be connected now. */
  knows(id: string): boolean {
    return this.registry.get(recoveredBy(id) ?? id)?.disabled === false;
  }

  /** May a client of this id, proved like this, subscribe to a topic or filter, and be sent its messages? */
  mayRead(id: string, proof: Voucher, topic: string): boolean {
    if (recoveredBy(id) !== null)
      return [`${replyTopic(id, "json")}/#`, replyTopic(id, "json")].includes(topic);
    return isOwnReply(id, topic) || this.mayUseApp(id, proof, topic);
  }

  /** May a client of this id, proved like this, publish on a topic? */
  mayWrite(id: string, proof: Voucher, topic: string): boolean {
    if (recoveredBy(id) !== null) return topic === requestTopic(id, "json");
    return isOwnRequest(id, topic) || this.mayUseApp(id, proof, topic);
  }

  /** A device has its own app's topics, a backend those of all; who only names one has none: these messages prove nobody. */
  private mayUseApp(id: string, proof: Voucher, topic: string): boolean {
    if (proof === "none") return false;
    const isBackend = this.registry.get(id)?.role === "backend";
    return topic.startsWith(isBackend ? APP_TOPICS : `${APP_TOPICS}${id}/`);
  }

  /** Whether a connection may be made that names nobody: its frames say, and prove, whose they are. */
  get admitsAnonymous(): boolean {
    return this.anonymous;
  }
}

/** The return code of the CONNACK that refuses, in MQTT 3.1.1. */
export function connackOf({ barred, isOurs }: Refusal): number {
  if (isOurs === true) return SERVER_UNAVAILABLE;
  return barred ? NOT_AUTHORIZED : BAD_USER_NAME_OR_PASSWORD;
}

function unproven(reason: string): Refusal {
  return { barred: false, reason };
}

function barred(reason: string): Refusal {
  return { barred: true, reason };
}
