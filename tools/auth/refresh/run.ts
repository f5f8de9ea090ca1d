import type { Context } from "../../cli/act.js";
import { Failure, usage } from "../../cli/failure.js";
import { needCredential, openStore } from "../current.js";
import { freshAccount } from "../renew.js";
import { isoTime, plainTime } from "../told.js";

/** The flags of `motekey auth refresh`. */
export interface RefreshFlags {
  readonly scopes?: string;
}

/** Gets a new access token now. */
export async function refresh(context: Context, { scopes }: RefreshFlags): Promise<void> {
  const store = openStore(context);
  const credential = await needCredential(context, store);
  if (credential.source !== "login") {
    throw new Failure(
      "not_supported",
      `The token comes from ${credential.source}, and cannot be refreshed.`,
      "Set another one, or unset it and run 'motekey auth login'.",
    );
  }
  const known = credential.account;
  const beyond = scopes?.split(" ").filter((scope) => !known.scope.split(" ").includes(scope)) ?? [];
  if (beyond.length > 0 && known.scope !== "") {
    throw usage(
      `Not granted at login: ${beyond.join(", ")}.`,
      `Run 'motekey auth login --force --scopes "${known.scope} ${beyond.join(" ")}"'.`,
    );
  }
  const account = await freshAccount(context, store, known, { asked: true, scope: scopes });
  context.output.answer(
    {
      account: credential.label,
      team: account.team,
      expires_at: isoTime(account.expiresAtMs),
      scope: account.scope,
    },
    `${context.output.colours.green("✓")} Refreshed; the token expires: ${plainTime(account.expiresAtMs)}`,
  );
}
