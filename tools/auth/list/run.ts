import Table from "cli-table3";
import type { Context } from "../../cli/act.js";
import type { System } from "../../cli/system.js";
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
  const table = new Table({
    head: ["", "ACCOUNT", "ORGANIZATION", "TEAM", "TYPE", "EXPIRES", "STATE"],
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 2 },
    chars: NO_LINES,
  });
  for (const [index, row] of rows.entries()) {
    const expires = plainTime(shown[index]?.expiresAtMs ?? null);
    table.push([
      row.default ? "✓" : "",
      row.account,
      row.organization ?? "-",
      row.team,
      row.type,
      expires,
      row.state,
    ]);
  }
  const text = table.toString().replace(/ +$/gm, "");
  output.answer(rows, rows.length === 0 ? "No account is logged in." : text);
  if (rows.length === 0) output.note("Run 'motekey auth login' to log in.");
}

function stateOf(account: Account, system: System): "valid" | "refreshable" | "expired" {
  if (!isOver(account, system.now())) return "valid";
  return isRefreshable(system, account) ? "refreshable" : "expired";
}

const NO_LINES = Object.fromEntries(
  [
    ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
    ...["left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle"],
  ].map((name) => [name, ""]),
);
