import type { Accounts } from "./accounts.js";
import { barred, Door, type Judgement, unproven, type Visitor } from "./door.js";
import type { Proofs } from "./proofs.js";
import type { Recoveries } from "./recoveries.js";
import type { Entity } from "./types.js";

/** The mock's door: connections without a password may be made, as unproven, unless its options forbid them. */
export class OpenDoor extends Door {
  constructor(
    accounts: Accounts,
    proofs: Proofs,
    recoveries: Recoveries,
    private readonly anonymous: boolean,
  ) {
    super(accounts, proofs, recoveries);
  }

  override get admitsAnonymous(): boolean {
    return this.anonymous;
  }

  protected override judgeUnproven(entity: Entity, { isHeld }: Visitor): Judgement {
    if (!this.anonymous) return unproven("password-missing");
    return isHeld ? barred("takeover") : { proof: "none", role: entity.role };
  }
}
