import type { Context } from "../../cli/act.js";
import type { System } from "../../cli/system.js";
import { tableOf } from "../../cli/table.js";
import { type Account, labelOf } from "../../store/account.js";
import { isDefault, openStore, readLogins } from "../current.js";
import { isOver, isRefreshable } from "../renew.js";
import { isoTime, plainTime } from "../told.js";

/** Lists the accounts that are logged in. */
export async function list(context: Context): Promise<void> {
  const { system, settings, output } = context;
  const logins = await readLogins(openStore(context), context);
  const shown = logins.accounts.filter(
    ({ team, accessToken }) =>
      accessToken !== null && (settings.team === null || team === settings.team.value),
  );
  const rows = shown.map((account) => ({
    account: labelOf(account, logins.accounts),
    organization: account.organization?.name ?? null,
    team: account.team,
    type: account.type,
    expires_at: isoTime(account.expiresAtMs),
    state: stateOf(account, system),
    default: isDefault(account, logins),
    issuer: account.issuer,
    client: account.clientId,
  }));
  const text = tableOf(
    ["", "ACCOUNT", "ORGANIZATION", "TEAM", "TYPE", "EXPIRES", "STATE"],
    rows.map((row, index) => [
      row.default ? "✓" : "",
      row.account,
      row.organization ?? "-",
      row.team,
      row.type,
      plainTime(shown[index]?.expiresAtMs ?? null),
      row.state,
    ]),
    output.columns,
  );
  output.answer(rows, rows.length === 0 ? "No account is logged in." : text);
  if (rows.length === 0) output.note("Run 'motekey auth login' to log in.");
}

function stateOf(account: Account, system: System): "valid" | "refreshable" | "expired" | "ended" {
  if (account.ended) return "ended";
  if (!isOver(account, system.now())) return "valid";
  return isRefreshable(system, account) ? "refreshable" : "expired";
}
