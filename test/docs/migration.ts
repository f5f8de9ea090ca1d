/** What three tools document, how it is said here, and the test that holds it. */
import { heldBy, type Page, type Test, table } from "./pages.js";

/** One thing that a tool's documentation promises. */
export interface Row {
  /** As that documentation has it. */
  readonly theirs: string;
  /** As it is here; absent: the same with `motekey` in place of the tool's name. */
  readonly ours: string;
  /** The test that holds it. */
  readonly test: Test;
}

const row = (theirs: string, ours: string, file: string, title: string): Row => ({
  theirs,
  ours,
  test: [file, title],
});

const SIMPLEIOT = "acceptance/simpleiot.deep";
const AXWAY = "acceptance/axway.deep";
const PIPEOPS = "acceptance/pipeops.deep";

// biome-ignore format: a table
/** By tool. */
export const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "From SimpleIOT (`iot`)": [
    row("`iot auth login --team= --username= --password=`", "`motekey auth login`, the same flags", SIMPLEIOT, "1. by command line parameters, with --clear: erases, then logs in, and exits with 0"),
    row("prompts for user name and password", "`motekey auth login --username`", SIMPLEIOT, "2. interactive: asks for user name and password, which is shown as asterisks"),
    row("`IOT_USERNAME`, `IOT_PASSWORD`", "`MOTEKEY_USERNAME`, `MOTEKEY_PASSWORD`", SIMPLEIOT, "3. by the environment variables for user name and password"),
    row("`IOT_TEAM`", "`MOTEKEY_TEAM`, or `.motekey.json` in the directory", "session", "flag before environment before directory before active account"),
    row("`--clear` (returned without logging in)", "`--clear` erases, then logs in", "login", "--clear erases what was kept, and then logs in"),
    row("`--team=` of any command", "the same", "session", "flag before environment before directory before active account"),
    row("`Enter username:`, `Enter password: *******`", "the same", "terminal", "asks for the user name and the password, as documented; the password is shown as asterisks"),
    row("tokens expire after an hour", "after 30 minutes in the mock cloud; refreshed by itself", "session", "is refreshed when it is over, and kept"),
    row("an issue with the user pool's settings", "told in the provider's own words, exit 1", "errors", "{code}: 'motekey {line}' tells it with its exit status and the next step"),
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
  "From Axway (`axway`)": [
    row("`axway auth ls`, `list`, `--json` (which printed tokens)", "the same, without tokens", "process", "'auth list --json' shows no token"),
    row("`axway auth login` (PKCE)", "the same", AXWAY, "login: PKCE in the browser"),
    row("`--force`, `--json`", "the same", AXWAY, "login --force: again, though the account is authenticated; --json tells the account, and no token"),
    row("`--no-launch-browser`", "the same; any machine's browser can confirm it", AXWAY, "login --no-launch-browser: shows the address; any machine's browser confirms it"),
    row("`--client-id`, `-c, --client-secret`, `-s, --secret-file`", "the same; better `MOTEKEY_CLIENT_SECRET`", AXWAY, "service account by client secret, and by PEM file"),
    row("service accounts side by side with a platform account", "the same", "acceptance/axway.deep", "service account by client secret, and by PEM file"),
    row("a prompt for the password", "the same", AXWAY, "{name}: asks for the password"),
    row("`--password` for a login without questions", "the same, with a warning", AXWAY, "{name}: --password for a login without questions"),
    row("`-u, --username`, `-p, --password` with a client", "the same", AXWAY, "the short flags -c, -s, -u and -p"),
    row("`-username`", "a hint, exit 2", AXWAY, "the slip '-username' gets a hint"),
    row("access token 30 minutes", "the same in the mock cloud; refreshed by itself", AXWAY, "the access token lasts 30 minutes"),
    row("refresh token 6 hours", "the same in the mock cloud; then exit 4", "session", "is over after 6 hours: told, exit 4, and the next login needs the password no more than before"),
    row("an expired access token is refreshed by itself", "the same, once for many processes", "process", "twenty on one expired token make one refresh"),
    row("`axway auth logout [accounts…]`, `--all`, `--json`", "the same, a result for each account", AXWAY, "logout of one account, then of all: what was revoked, as JSON"),
    row("`axway auth switch --account --org`", "the same", AXWAY, "switch --account, and --org by name; a service account skips the organization"),
    row("`--org <id\\|guid\\|name>`", "the same", "session", "an organization is known by its id, guid or name; an unknown one is told with those there are"),
    row("a service account skips the organization", "the same", "session", "a service account skips the organization"),
    row("`switch --json`, `whoami --json`", "the same", "answers", "'motekey {line}' has the documented fields, in their order"),
    row("`axway auth whoami`; `whomai`", "the same; a hint", AXWAY, "whoami: the account and the organization; the slip 'whomai' gets a hint"),
  ],
  "From PipeOps (`pipeops`)": [
    row("`pipeops auth login`", "the same", PIPEOPS, "login: standard, in the browser"),
    row("`--no-browser`, and its output", "the same", PIPEOPS, "login --no-browser: the documented lines, and a code that any machine can confirm"),
    row("`Please open this URL…`, `Waiting for authentication...`", "the same", PIPEOPS, "login --no-browser: the documented lines, and a code that any machine can confirm"),
    row("`✓ Successfully authenticated as …`", "the same", PIPEOPS, "login: standard, in the browser"),
    row("authentication timeout", "told, exit 1", "errors", "{code}: 'motekey {line}' tells it with its exit status and the next step"),
    row("`--browser` (default true)", "the same; without a display or over SSH an address is printed", PIPEOPS, "--browser=false is --no-browser, --browser the default"),
    row("`pipeops auth logout`, `[y/N]`", "the same; it ends the tokens at the provider too", PIPEOPS, "logout asks [y/N], and says so when it is done"),
    row("`Are you sure you want to logout? [y/N]`, `✓ Successfully logged out`", "the same", "terminal", "'auth logout' asks [y/N]: n and Enter do nothing, y logs out"),
    row("logout leaves the token good at the server", "ends it there (RFC 7009)", "logout", "ends the tokens at the provider and here"),
    row("`--force`", "the same", PIPEOPS, "logout --force asks nothing"),
    row("`pipeops auth status`, with a login", "the same, exit 0", PIPEOPS, "status with a login: the documented lines and JSON, exit 0"),
    row("`✓ Authenticated as …`, `Token expires: …`", "the same, in UTC", "session", "of a good token: the documented lines, exit 0"),
    row("`authenticated`, `email`, `expires_at`, `token_valid`", "the same, and more", "session", "as JSON: the documented fields"),
    row("without a login", "the same, exit 1, also with `--json`", "session", "without a login: the documented lines, exit 1, the same with --json"),
    row("`✗ Not authenticated`, `Run … to authenticate`", "the same", PIPEOPS, "status without a login: the documented lines, exit 1"),
    row("`if pipeops auth status …`", "the same", PIPEOPS, "in scripts: the documented 'if' takes its first way with a login, its second without"),
    row("`pipeops auth me`, `--json`", "the same; also `whoami`", PIPEOPS, "me: the documented lines and JSON"),
    row("`Email:`, `Name:`, `Organization:`, `Role:`, `Account ID:`", "the same", "session", "prints the documented lines and fields; 'me' is the same"),
    row("`PIPEOPS_AUTH_TOKEN` (written down by a later save)", "`MOTEKEY_AUTH_TOKEN`, never written down", "session", "MOTEKEY_AUTH_TOKEN goes before the login, and no command writes it down"),
    row("`PIPEOPS_CONFIG_PATH`", "`MOTEKEY_CONFIG_PATH`, `--config`", PIPEOPS, "multiple accounts: each configuration file has its own login"),
    row("`{\"auth_token\":…}` in `~/.pipeops.json`", "the same in motekey's file", PIPEOPS, "headless: a token put into the file by hand; a file that others can read is told, with chmod 600"),
    row("`chmod 600`", "told where it is needed", PIPEOPS, "permission denied: told with the file, and what to run"),
    row("`failed to write config file: permission denied`", "`Cannot write <file>: permission denied; run chmod 600 <file>.`", "process", "without permission to write it says what to run"),
    row("the token stored in `~/.pipeops.json`", "sealed by a key in the keychain, in a file for its owner only", "store", "no secret can be read in the file, which only its owner may touch"),
    row("Not authenticated; invalid token", "the same sense, exit 4", PIPEOPS, "errors: not authenticated, and an invalid token, each with its next step and exit 4"),
    row("token expired", "refreshed by itself; when that is over, exit 4", "session", "of a login that is over: told, exit 1, the same with --json"),
  ],
  "What the three get wrong": [
    row("a failed login exits with 0", "1", "login", "a wrong password is told, and exits with 1"),
    row("status exits with 0 whatever it says", "0 or 1, the same with `--json`", "session", "without a login: the documented lines, exit 1, the same with --json"),
    row("a delete stops at the first key that is missing, and says it is done", "each account has its result", "logout", "accounts by name: each has its result, and one that is missing stops none"),
    row("no refresh after 401", "one refresh", "session", "that the provider refuses before its end is refreshed once, with or without a challenge"),
    row("tokens encrypted with a constant of the source, chosen silently", "a key of the keychain, or `--insecure-storage`", "keychain", "without one it says so, names --insecure-storage, and keeps nothing"),
    row("no `state`", "checked before all else", "security", "an answer with a wrong state, or to an error that somebody made up, does not end the login: the right one does"),
    row("the ID token is not verified", "signature, issuer, audience, nonce and end", "security", "an ID token with a wrong signature is refused"),
    row("`list --json` prints tokens", "it shows none", "process", "'auth list --json' shows no token"),
    row("login without a browser refused", "an address and a code", "login-browser", "'motekey {line}' with {where} prints an address and a code, polls, and logs in"),
    row("logout after expiry leaves the refresh token", "ended too", "logout", "after the access token is over the refresh token is ended too"),
    row("a callback on all interfaces", "on the loopback only", "security", "the callback listens on the loopback only, and no longer than the login"),
    row("team names that collide when normalised", "names are kept as they are", "store", "team names that differ in a letter's case or a dash are different teams"),
    row("polling without the interval", "as slowly as the provider asks", "login-browser", "polls no more often than the provider asks"),
    row("details of errors lost", "the provider's own words are told", "login", "a wrong secret is told, and exits with 1"),
  ],
};

/** The page docs/cli/migration.md. */
export function migrationPage(): Page {
  const sections = Object.entries(ROWS).map(([tool, rows]) => {
    const head = ["there", "here", "held by test/tools/"];
    return `## ${tool}\n\n${table(
      head,
      rows.map(({ theirs, ours, test }) => [theirs.replaceAll("\\|", "|"), ours, heldBy(test)]),
    )}`;
  });
  const intro =
    "What three tools document works here under our own names. Each row is held by the test that it names; `npm run docs` makes this page of them.";
  return {
    file: "migration.md",
    text: `${["# Coming from another tool", intro, ...sections, "[All commands](README.md)"].join("\n\n")}\n`,
  };
}
