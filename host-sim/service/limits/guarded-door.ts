import type { Accounts } from "../../cloud/accounts.js";
import { Door, type Judgement, type Refusal, tooMany, type Visitor } from "../../cloud/door.js";
import type { Proofs } from "../../cloud/proofs.js";
import type { Recoveries } from "../../cloud/recoveries.js";
import type { Soon } from "../../cloud/soon.js";
import type { Entity } from "../../cloud/types.js";
import { RETRY_AFTER_SECONDS, type SenderLimits } from "./limits.js";

/** The answer to a guess at somebody's key. A stranger gets it as late as a known device. */
const WRONG: readonly string[] = ["password", "exchange", "unknown"];

/** The service's door: it limits the attempts from one address, and answers a wrong key late. A right one never waits. */
export class GuardedDoor extends Door {
  constructor(
    accounts: Accounts,
    proofs: Proofs,
    recoveries: Recoveries,
    private readonly limits: SenderLimits,
  ) {
    super(accounts, proofs, recoveries);
  }

  override entityOf(visitor: Visitor): Soon<Entity | Refusal> {
    if (this.limits.mayEnter(visitor.address)) return super.entityOf(visitor);
    return tooMany(RETRY_AFTER_SECONDS);
  }

  override tell({ id, address }: Visitor, judgement: Judgement, then: (judgement: Judgement) => void): void {
    const isWrong = "reason" in judgement && WRONG.includes(judgement.reason);
    if (isWrong) this.limits.late(id, address, () => then(judgement));
    else then(judgement);
  }
}
