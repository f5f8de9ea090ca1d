/** What three tools document, how it is said here, and the test that holds it. */
import { type Page, table } from "./pages.js";

/** One thing that a tool's documentation promises. */
export interface Row {
  /** As that documentation has it. */
  readonly theirs: string;
  /** As it is here; absent: the same with `motekey` in place of the tool's name. */
  readonly ours: string;
  /** The test that holds it: a file below test/tools and its title, as it stands there. */
  readonly test: readonly [file: string, title: string];
}

const row = (theirs: string, ours: string, file: string, title: string): Row => ({
  theirs,
  ours,
  test: [file, title],
});

const SIMPLEIOT = "acceptance/simpleiot";
const AXWAY = "acceptance/axway";
const PIPEOPS = "acceptance/pipeops";

// biome-ignore format: a table
/** By tool. */
export const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "SimpleIOT (`iot`)": [
    row("`iot auth login --team= --username= --password=`", "`motekey auth login`, the same flags", SIMPLEIOT, "1. by command line parameters, with --clear: erases, then logs in, and exits with 0"),
    row("prompts for user name and password", "`motekey auth login --username`", SIMPLEIOT, "2. interactive: asks for user name and password, which is shown as asterisks"),
    row("`IOT_USERNAME`, `IOT_PASSWORD`", "`MOTEKEY_USERNAME`, `MOTEKEY_PASSWORD`", SIMPLEIOT, "3. by the environment variables for user name and password"),
    row("`IOT_TEAM`", "`MOTEKEY_TEAM`, or `.motekey.json` in the directory", "session.test", "flag before environment before directory before active account"),
    row("`--clear` (returned without logging in)", "`--clear` erases, then logs in", "login.test", "--clear erases what was kept, and then logs in"),
    row("`Logged in as user: admin.`", "the same", SIMPLEIOT, "1. by command line parameters, with --clear: erases, then logs in, and exits with 0"),
    row("invalid user name or password (exit 0)", "told, exit 1", SIMPLEIOT, "a wrong user name or password: an error, exit 1, and the login that was there stays"),
    row("an invalid team name", "told with the teams that are known, exit 1", SIMPLEIOT, "a team that is not known: an error that says so, exit 1"),
    row("later logins without user name and password", "the same; both are sealed by a key in the keychain", SIMPLEIOT, "Subsequent logins: user name and password come from the keychain"),
    row("one login for each team", "many accounts for each team", SIMPLEIOT, "multiple logins, one for each team"),
    row("`iot auth logout`", "`motekey auth logout`; it ends the tokens at the provider too", SIMPLEIOT, "logout removes the token; user name and password stay for the next login"),
    row("`iot auth logout --clear`", "the same", SIMPLEIOT, "logout --clear removes them too: the next login has nothing to go by"),
    row("the first user `admin` with a random password", "`motekey cloud start` shows it once", SIMPLEIOT, "First Login: an administrative user 'admin' with a random password was made by the installation"),
    row("`iot --team=x` without a command", "a hint, exit 2", SIMPLEIOT, "the slip 'iot --team={team} --username=…' without a command gets a hint, and exit 2"),
  ],
  "Axway (`axway`)": [
    row("`axway auth ls`, `list`, `--json` (which printed tokens)", "the same, without tokens", "process.test", "'auth list --json' shows no token"),
    row("`axway auth login` (PKCE)", "the same", AXWAY, "login: PKCE in the browser"),
    row("`--force`, `--json`", "the same", AXWAY, "login --force: again, though the account is authenticated; --json tells the account, and no token"),
    row("`--no-launch-browser`", "the same; any machine's browser can confirm it", AXWAY, "login --no-launch-browser: shows the address; any machine's browser confirms it"),
    row("`--client-id`, `-c, --client-secret`, `-s, --secret-file`", "the same; better `MOTEKEY_CLIENT_SECRET`", AXWAY, "service account by client secret, and by PEM file"),
    row("`-u, --username`, `-p, --password` with a client", "the same", AXWAY, "the short flags -c, -s, -u and -p"),
    row("`-username`", "a hint, exit 2", AXWAY, "the slip '-username' gets a hint"),
    row("access token 30 minutes", "the same in the mock cloud; refreshed by itself", AXWAY, "the access token lasts 30 minutes"),
    row("refresh token 6 hours", "the same in the mock cloud; then exit 4", "session.test", "is over after 6 hours: told, exit 4, and the next login needs the password no more than before"),
    row("`axway auth logout [accounts…]`, `--all`, `--json`", "the same, a result for each account", AXWAY, "logout of one account, then of all: what was revoked, as JSON"),
    row("`axway auth switch --account --org`", "the same", AXWAY, "switch --account, and --org by name; a service account skips the organization"),
    row("`--org <id\\|guid\\|name>`", "the same", "session.test", "an organization is known by its id, guid or name; an unknown one is told with those there are"),
    row("`axway auth whoami`; `whomai`", "the same; a hint", AXWAY, "whoami: the account and the organization; the slip 'whomai' gets a hint"),
  ],
  "PipeOps (`pipeops`)": [
    row("`pipeops auth login`", "the same", PIPEOPS, "login: standard, in the browser"),
    row("`--no-browser`, and its output", "the same", PIPEOPS, "login --no-browser: the documented lines, and a code that any machine can confirm"),
    row("`--browser` (default true)", "the same; without a display or over SSH an address is printed", PIPEOPS, "--browser=false is --no-browser, --browser the default"),
    row("`pipeops auth logout`, `[y/N]`", "the same; it ends the tokens at the provider too", PIPEOPS, "logout asks [y/N], and says so when it is done"),
    row("`--force`", "the same", PIPEOPS, "logout --force asks nothing"),
    row("`pipeops auth status`, with a login", "the same, exit 0", PIPEOPS, "status with a login: the documented lines and JSON, exit 0"),
    row("without a login", "the same, exit 1, also with `--json`", "session.test", "without a login: the documented lines, exit 1, the same with --json"),
    row("`if pipeops auth status …`", "the same", PIPEOPS, "in scripts: the documented 'if' takes its first way with a login, its second without"),
    row("`pipeops auth me`, `--json`", "the same; also `whoami`", PIPEOPS, "me: the documented lines and JSON"),
    row("`PIPEOPS_AUTH_TOKEN` (written down by a later save)", "`MOTEKEY_AUTH_TOKEN`, never written down", "session.test", "MOTEKEY_AUTH_TOKEN goes before the login, and no command writes it down"),
    row("`PIPEOPS_CONFIG_PATH`", "`MOTEKEY_CONFIG_PATH`, `--config`", PIPEOPS, "multiple accounts: each configuration file has its own login"),
    row("`{\"auth_token\":…}` in `~/.pipeops.json`", "the same in motekey's file", PIPEOPS, "headless: a token put into the file by hand; a file that others can read is told, with chmod 600"),
    row("`chmod 600`", "told where it is needed", PIPEOPS, "permission denied: told with the file, and what to run"),
    row("Not authenticated; invalid token", "the same sense, exit 4", PIPEOPS, "errors: not authenticated, and an invalid token, each with its next step and exit 4"),
    row("token expired", "refreshed by itself; when that is over, exit 4", "session.test", "of a login that is over: told, exit 1, the same with --json"),
  ],
};

/** The page docs/cli/migration.md. */
export function migrationPage(): Page {
  const sections = Object.entries(ROWS).map(([tool, rows]) => {
    const head = ["there", "here", "held by test/tools/"];
    return `## From ${tool}\n\n${table(
      head,
      rows.map(({ theirs, ours, test: [file, title] }) => [
        theirs.replaceAll("\\|", "|"),
        ours,
        `${file.replace(/\.test$/, "")}: ${title}`,
      ]),
    )}`;
  });
  const intro =
    "What three tools document works here under our own names. Each row is held by the test that it names; `npm run docs` makes this page of them.";
  return {
    file: "migration.md",
    text: `${["# Coming from another tool", intro, ...sections, "[All commands](README.md)"].join("\n\n")}\n`,
  };
}
