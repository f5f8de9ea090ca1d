import type { Context } from "../../cli/act.js";
import { Failure } from "../../cli/failure.js";
import { type Person, personOfClaims } from "../../oidc/person.js";
import type { Provider } from "../../oidc/provider.js";
import type { Account } from "../../store/account.js";
import { askAbout } from "../ask.js";
import { needCredential, openStore } from "../current.js";

/** Shows whose login it is. */
export async function whoami(context: Context): Promise<void> {
  const store = openStore(context);
  const credential = await needCredential(context, store);
  const { provider, person: told, account } = await askAbout(context, store, credential);
  const person = told ?? (account === null ? null : personKept(provider, account));
  if (person === null) {
    throw new Failure(
      "not_supported",
      `${provider.issuer} says nothing about the account.`,
      "Run 'motekey auth status'.",
    );
  }
  const { id, email, name, role, created_at } = person;
  const organization = person.organization?.name ?? null;
  context.output.answer(
    {
      id,
      email,
      name,
      organization,
      role,
      created_at,
      account: credential.source === "login" ? credential.label : null,
      team: account?.team ?? context.settings.team?.value ?? null,
      source: credential.source,
    },
    lines(person, organization),
  );
  if (credential.source !== "login") context.output.note(`Token from: ${credential.source}`);
}

/** What the login said, where the provider says nothing about its access token. */
function personKept(provider: Provider, { subject, email }: Account): Person | null {
  return subject === null ? null : personOfClaims(provider, { sub: subject, email });
}

function lines({ id, email, name, role }: Person, organization: string | null): string {
  const rows: [label: string, value: string | null][] = [
    ["Email:", email],
    ["Name:", name],
    ["Organization:", organization],
    ["Role:", role === null ? null : `${role.charAt(0).toUpperCase()}${role.slice(1)}`],
    ["Account ID:", id],
  ];
  return rows.map(([label, value]) => `${label.padEnd(14)}${value ?? "-"}`).join("\n");
}
