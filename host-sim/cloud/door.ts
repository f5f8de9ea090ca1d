import type { Proofs } from "./proofs.js";
import type { Registry } from "./registry.js";
import type { LinkIdentity } from "./tls.js";
import type { ConnectProof } from "./types.js";

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

/** How a visitor was proved, or why they stay outside: `barred` where it is not for want of a proof. */
export type Judgement = { proof: ConnectProof } | { barred: boolean; reason: string };

/** Decides who may connect, over whatever transport. */
export class Door {
  constructor(
    private registry: Registry,
    private proofs: Proofs,
    /** Connections without a password may be made, as unproven. */
    private anonymous: boolean,
  ) {}

  judge({ id, userName, password, link, isHeld }: Visitor): Judgement {
    const entity = this.registry.get(id);
    if (userName !== undefined && userName !== id) return unproven("user-name");
    if (entity === undefined) return unproven("unknown");
    if (link !== null && link.id !== id) return barred("link-identity");
    const pinned = entity.certFingerprint;
    if (link?.fingerprint !== undefined && pinned !== undefined && link.fingerprint !== pinned) {
      return barred("certificate-pinned");
    }
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

  /** Whether a connection may be made that names nobody: its frames say, and prove, whose they are. */
  get admitsAnonymous(): boolean {
    return this.anonymous;
  }
}

function unproven(reason: string): Judgement {
  return { barred: false, reason };
}

function barred(reason: string): Judgement {
  return { barred: true, reason };
}
