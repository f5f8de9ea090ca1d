import type { Context } from "../../cli/act.js";
import { Failure } from "../../cli/failure.js";
import { tableOf } from "../../cli/table.js";
import { askAbout } from "../ask.js";
import { needCredential, openStore } from "../current.js";

/** Lists the account's organizations. */
export async function orgs(context: Context): Promise<void> {
  const { output } = context;
  const store = openStore(context);
  const { provider, person } = await askAbout(context, store, await needCredential(context, store));
  if (person?.hasTeams !== true) {
    throw new Failure(
      "not_supported",
      `${provider.issuer} names no organizations.`,
      "Run 'motekey auth whoami'.",
    );
  }
  const rows = person.organizations.map(({ id, guid, name, role, teams }) => ({
    id,
    guid,
    name,
    role,
    teams: teams.map((team) => team.name),
    current: id === person.organization?.id,
  }));
  const cells = rows.map(({ id, name, role, teams, current }) => [
    current ? "✓" : "",
    name,
    id,
    role ?? "-",
    teams.join(", ") || "-",
  ]);
  const table = tableOf(["", "ORGANIZATION", "ID", "ROLE", "TEAMS"], cells, output.columns);
  output.answer(rows, rows.length === 0 ? "The account is in no organization." : table);
}
