import { Command } from "commander";
import type { Act } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import { credentialCommand } from "./credential/command.js";
import { execCommand } from "./exec/command.js";
import { listCommand } from "./list/command.js";
import { loginCommand } from "./login/command.js";
import { logoutCommand } from "./logout/command.js";
import { orgsCommand } from "./orgs/command.js";
import { refreshCommand } from "./refresh/command.js";
import { statusCommand } from "./status/command.js";
import { switchCommand } from "./switch/command.js";
import { tokenCommand } from "./token/command.js";
import { whoamiCommand } from "./whoami/command.js";

/** `motekey auth …` */
export function authCommand(act: Act): Command {
  const command = new Command("auth")
    .summary("log in and out, and use the token")
    .description(
      "Logs in to a team's identity provider, keeps the login in the system's keychain, and hands its token to programs.",
    )
    .helpCommand(false);
  for (const make of [
    loginCommand,
    logoutCommand,
    listCommand,
    switchCommand,
    orgsCommand,
    whoamiCommand,
    statusCommand,
    tokenCommand,
    execCommand,
    credentialCommand,
    refreshCommand,
  ]) {
    command.addCommand(make(act));
  }
  return withHelp(command, {
    examples: [
      ["motekey auth login", "Log in with the browser"],
      ["motekey auth login --no-browser", "Log in from a machine without one"],
      ["motekey auth list", "Who is logged in, and where"],
      ["motekey auth exec -- ./deploy.sh", "Give one program a token"],
    ],
  });
}
