/** Every command, flag, variable, exit status, error code and reason of the command line, and the test that holds it. */
import type { Command } from "commander";
import { STATUS_REASONS, type StatusReason } from "../../tools/auth/status/reasons.js";
import { Exit, FAILURES } from "../../tools/cli/failure.js";
import { nameOf } from "../../tools/cli/help.js";
import { OBSTACLES, REASONS } from "../../tools/doctor/finding.js";
import { CA_COMMANDS, CREATE, DEVICE_COMMANDS, NO_CLOUD } from "./contract-device.js";
import { type Held, PROMISES } from "./contract-promises.js";
import { heldBy, type Page, type Test, table } from "./pages.js";

const PASSWORD: Test = ["login", "by flags, with a warning"];
const SERVICE: Test = ["acceptance/axway.deep", "service account by client secret, and by PEM file"];
const BROWSER: Test = ["login-browser", "opens it, and takes the answer"];
const NO_BROWSER: Test = [
  "login-browser",
  "'motekey {line}' with {where} prints an address and a code, polls, and logs in",
];
const LOGOUT: Test = ["logout", "ends the tokens at the provider and here"];
const ALL: Test = ["logout", "'auth revoke' is the same; --all ends all, --team those of the team"];
const SWITCH: Test = ["session", "'auth switch' chooses team, account and organization"];
const WHOAMI: Test = ["session", "prints the documented lines and fields; 'me' is the same"];
const STATUS: Test = ["session", "of a good token: the documented lines, exit 0"];
const ORGS: Test = [
  "account-flag",
  "'auth orgs' lists the organizations with their ids, and the one that it acts for",
];
const ACCOUNT: Test = [
  "account-flag",
  "--account is that account's, before the default one and a token that was handed in: 'motekey {line}'",
];
const AUDIENCE: Test = [
  "audience",
  "is given by 'auth exec', 'auth credential kubectl' and 'auth credential git' too",
];
const GIT: Test = ["credential", "gives the token to git for a host that was named"];
const GIT_USER: Test = [
  "credential",
  "names the user that --git-user names, of the account that --account names, with the end of its token",
];
const KUBECTL_HOST: Test = [
  "credential",
  "answers for the servers that --host names only, and no version that it does not know",
];
const REFRESH: Test = [
  "session",
  "'auth refresh' gets a new one now; --scopes narrows it, and more than was granted is refused",
];
const DOCTOR: Test = ["doctor", "looks at every part, in JSON too"];
const DEVICE: Test = ["doctor-device", "that the cloud lets in and answers: no problem"];
const CLOUD: Test = ["process", "'cloud start' tells where it listens, serves, and ends with Ctrl-C"];
const SIM: Test = [
  "sim",
  "runs so many devices for so long, and says in JSON and in words what became of them",
];
const PRECEDENCE: Test = ["session", "flag before environment before directory before active account"];
const SECRETS: Test = [
  "process",
  "no output, no child's environment and no command line of a child holds one",
];
const ERROR: Test = ["errors", "{code}: 'motekey {line}' tells it with its exit status and the next step"];

// biome-ignore format: a table
/** Commands, and their flags after a space. */
export const COMMANDS: Held = {
  "motekey": ["program", "'motekey {line}' shows help with examples on stdout"],
  "motekey -V, --version": ["program", "--version prints the package's version on stdout"],
  "motekey --team <name>": PRECEDENCE,
  "motekey --config <file>": ["doctor", "in a folder that cannot be written: storage_denied"],
  "motekey --issuer <url>": ["doctor", "that is down: issuer_refused, with host, port and code"],
  "motekey --json": ["session", "--json=a,b prints these fields only"],
  "motekey --quiet": ["session", "--quiet says nothing, and exits the same"],
  "motekey auth": ["program", "'motekey {line}' shows help with examples on stdout"],
  "motekey auth login": BROWSER,
  "motekey auth login -u, --username [name]": ["login", "by -u and -p"],
  "motekey auth login -p, --password <password>": PASSWORD,
  "motekey auth login --client-id <id>": SERVICE,
  "motekey auth login -c, --client-secret <key>": ["acceptance/axway.deep", "the short flags -c, -s, -u and -p"],
  "motekey auth login -s, --secret-file <path>": ["login", "with {name} in PEM, by --secret-file and -s"],
  "motekey auth login --with-token": ["login", "reads it from standard input"],
  "motekey auth login --workload-token-file <file>": ["workload", "reads the file at each use, as the platform replaces it; later logins need no flag"],
  "motekey auth login --browser": ["acceptance/pipeops.deep", "--browser=false is --no-browser, --browser the default"],
  "motekey auth login --no-browser": NO_BROWSER,
  "motekey auth login --no-launch-browser": NO_BROWSER,
  "motekey auth login --device-code": NO_BROWSER,
  "motekey auth login --force": ["login-browser", "a login that is still good is kept; --force logs in again"],
  "motekey auth login --keep-default": ["login-places", "one login per team and account, many side by side; a new one is the default, unless --keep-default"],
  "motekey auth login --clear": ["login", "--clear erases what was kept, and then logs in"],
  "motekey auth login --scopes <scopes>": ["login", "a login with other scopes than the kept one's is a new one"],
  "motekey auth login --insecure-storage": ["login", "--insecure-storage is for the login that names it: others stay sealed, and the next login seals it again"],
  "motekey auth logout": LOGOUT,
  "motekey auth revoke": ALL,
  "motekey auth logout --all": ALL,
  "motekey auth logout --clear": ["logout", "keeps the user name and password, unless --clear"],
  "motekey auth logout --force": ["logout", "without a terminal and without --force it says which flag to give, and nothing is done"],
  "motekey auth list": ["login-places", "one login per team and account, many side by side; a new one is the default, unless --keep-default"],
  "motekey auth ls": ["acceptance/axway.deep", "ls, list: no accounts, and their JSON"],
  "motekey auth switch": SWITCH,
  "motekey auth switch --account <name>": SWITCH,
  "motekey auth switch --org <id|guid|name>": ["session", "an organization is known by its id, guid or name; an unknown one is told with those there are"],
  "motekey auth whoami --account <name>": ACCOUNT,
  "motekey auth whoami": WHOAMI,
  "motekey auth me": WHOAMI,
  "motekey auth status --account <name>": ACCOUNT,
  "motekey auth status": STATUS,
  "motekey auth status --offline": ["checked", "with the provider out of reach: not checked, exit 1; --offline trusts the clock"],
  "motekey auth status --explain": ["session", "--explain says where each setting came from"],
  "motekey auth orgs --account <name>": ACCOUNT,
  "motekey auth orgs": ORGS,
  "motekey auth token --account <name>": ACCOUNT,
  "motekey auth token": ["session", "is printed alone on a line, and is the same while it is good"],
  "motekey auth token --audience <name>": ["audience", "is kept per audience while it is good, and is another one afterwards"],
  "motekey auth exec --audience <name>": AUDIENCE,
  "motekey auth credential git --audience <name>": AUDIENCE,
  "motekey auth credential kubectl --audience <name>": AUDIENCE,
  "motekey auth credential": GIT,
  "motekey auth credential git": GIT,
  "motekey auth credential git --host <host>": ["credential", "gives nothing for another host, nor in the clear to another machine"],
  "motekey auth credential git --git-user <name>": GIT_USER,
  "motekey auth credential git --account <name>": GIT_USER,
  "motekey auth credential kubectl": ["credential", "prints an ExecCredential of version 1 with the token and its end, with and without the question"],
  "motekey auth credential kubectl --host <host>": KUBECTL_HOST,
  "motekey auth credential kubectl --account <name>": KUBECTL_HOST,
  "motekey auth exec --account <name>": ACCOUNT,
  "motekey auth exec": ["process", "gives a token to the child alone, and ends as it ends"],
  "motekey auth refresh --account <name>": ACCOUNT,
  "motekey auth refresh": REFRESH,
  "motekey auth refresh --scopes <scopes>": REFRESH,
  ...DEVICE_COMMANDS,
  ...CA_COMMANDS,
  "motekey doctor": DOCTOR,
  "motekey doctor --port <number>": ["doctor", "with a port that another program has: port_taken"],
  "motekey doctor --cloud <url>": ["doctor-device", "that is there: no problem"],
  "motekey doctor --ca <file>": ["doctor-device", "of another CA: cloud_tls_ca; --ca names the right one"],
  "motekey doctor --transport <name>": ["doctor-device", "over every transport: no problem"],
  "motekey doctor --device <id>": DEVICE,
  "motekey doctor --psk-file <file>": ["doctor-device", "with another key: device_bad_credentials"],
  "motekey doctor --counter <number>": ["doctor-device", "with a counter that was used: device_bad_credentials, whose next step names the counter"],
  "motekey doctor --status <status>": ["doctor-device", "--status {status} explains what a device told"],
  "motekey doctor --record <file>": ["doctor-record", "of a device with a wrong key: its reason, its evidence and the next step"],
  "motekey cloud": ["process", "'cloud start' tells where it listens, serves, and ends with Ctrl-C"],
  "motekey cloud serve": ["service.deep", "serves devices that were imported from a mock cloud, drains at SIGTERM, and logs no secret"],
  "motekey cloud serve --settings <file>": ["service.deep", "a setting that cannot be is told with what is allowed: exit 2"],
  "motekey cloud serve --folder <path>": ["service.deep", "serves devices that were imported from a mock cloud, drains at SIGTERM, and logs no secret"],
  "motekey cloud serve --check": ["service.deep", "--check says what is wrong, and what to do: exit 1"],
  "motekey cloud serve --restored": ["service.deep", "--restored begins a new epoch: counters are raised"],
  "motekey cloud import": ["service.deep", "serves devices that were imported from a mock cloud, drains at SIGTERM, and logs no secret"],
  "motekey cloud import --from <path>": ["service.deep", "serves devices that were imported from a mock cloud, drains at SIGTERM, and logs no secret"],
  "motekey cloud import --settings <file>": ["service.deep", "export writes what import reads, for its owner only, and overwrites nothing"],
  "motekey cloud import --folder <path>": ["service.deep", "serves devices that were imported from a mock cloud, drains at SIGTERM, and logs no secret"],
  "motekey cloud export": ["service.deep", "export writes what import reads, for its owner only, and overwrites nothing"],
  "motekey cloud export -o, --out <file>": ["service.deep", "export writes what import reads, for its owner only, and overwrites nothing"],
  "motekey cloud export --settings <file>": ["service.deep", "export writes what import reads, for its owner only, and overwrites nothing"],
  "motekey cloud export --folder <path>": ["service.deep", "export writes what import reads, for its owner only, and overwrites nothing"],
  "motekey cloud start": CLOUD,
  "motekey cloud start --folder <path>": CLOUD,
  "motekey cloud start --host <address>": ["process", "an address that this machine has not, and a folder that cannot be made: said as such"],
  "motekey cloud start --mqtt-port <port>": ["process", "'{words}' with {content ?? \"nothing\"} is wrong usage"],
  "motekey cloud start --http-port <port>": ["process", "a port that is taken: which, and which flags choose others"],
  "motekey cloud start --identity-port <port>": CLOUD,
  "motekey cloud start --restored": ["process", "'cloud start --restored' begins a new epoch of counters"],
  "motekey cloud start --seed <file>": ["acceptance/simpleiot.deep", "multiple logins, one for each team"],
  "motekey sim": SIM,
  "motekey sim --devices <number>": SIM,
  "motekey sim --days <number>": SIM,
  "motekey sim --seed <number>": ["sim", "the same seed has the same hash with one worker and with two; another seed has another"],
  "motekey sim --faults <level>": SIM,
  "motekey sim --broker <name>": ["sim", "--core and --broker are those of all devices"],
  "motekey sim --core <name>": ["sim", "--core and --broker are those of all devices"],
  "motekey sim --spread <seconds>": ["sim", "--spread spreads all devices, and says where they come at once"],
  "motekey sim --workers <number>": ["sim", "the same seed has the same hash with one worker and with two; another seed has another"],
  "motekey sim --keep <folder>": ["sim", "--keep with a folder that is not there is told before anything runs"],
  "motekey sim --scenario <file>": ["sim", "--scenario has all go through what a file says, and says what of a file is wrong"],
  "motekey sim --report <file>": ["sim", "--report writes one file with the run and its plots, and nothing from elsewhere"],
  "motekey sim --record <file>": ["sim", "--record writes a device's trace, which --replay has the firmware live through again"],
  "motekey sim --replay <file>": ["sim", "--replay runs what a file keeps, and says what of a file is wrong"],
  "motekey environment": ["program", "'motekey help environment' has every variable that the sources read; values are never shown"],
  "motekey completion": ["completion", "offers commands, aliases included"],
};

// biome-ignore format: a table
/** Environment variables: ours, and those of others that count. */
export const VARIABLES: Held = {
  MOTEKEY_TEAM: PRECEDENCE,
  MOTEKEY_CONFIG_PATH: ["acceptance/pipeops.deep", "multiple accounts: each configuration file has its own login"],
  MOTEKEY_ISSUER: ["login-places", "must be named"],
  MOTEKEY_AUTH_TOKEN: ["session", "MOTEKEY_AUTH_TOKEN goes before the login, and no command writes it down"],
  MOTEKEY_USERNAME: ["login", "by MOTEKEY_USERNAME and MOTEKEY_PASSWORD"],
  MOTEKEY_PASSWORD: ["login", "by MOTEKEY_USERNAME and MOTEKEY_PASSWORD"],
  MOTEKEY_CLIENT_ID: ["login", "MOTEKEY_CLIENT_ID and MOTEKEY_CLIENT_SECRET are a service account without flags"],
  MOTEKEY_CLIENT_SECRET: ["login", "with its secret, by flag (with a warning) or by MOTEKEY_CLIENT_SECRET"],
  MOTEKEY_CLOUD: CREATE,
  MOTEKEY_CLOUD_FOLDER: ["process", "MOTEKEY_CLOUD_FOLDER is where 'cloud start' keeps what it learns"],
  MOTEKEY_DEBUG: SECRETS,
  MOTEKEY_SERVICE_SETTINGS: ["service.deep", "export writes what import reads, for its owner only, and overwrites nothing"],
  NO_COLOR: ["terminal", "colours are for terminals: NO_COLOR, a pipe and --json have none"],
  BROWSER: SECRETS,
  SSH_CONNECTION: NO_BROWSER,
  DISPLAY: NO_BROWSER,
};

/** Exit statuses. */
export const EXITS: Held = {
  DONE: STATUS,
  FAILED: ["login", "a wrong password is told, and exits with 1"],
  USAGE: ["program", "'motekey {line}' is wrong usage: exit 2, one line on stderr, nothing on stdout"],
  AUTHENTICATION_NEEDED: ["program", "'motekey {line}' without a login says so and exits with 4"],
  INTERRUPTED: [
    "terminal",
    "Ctrl-C at the question of '{line}' ends it with 130, and the terminal echoes again",
  ],
};

const PARTITION: Test = [
  "nvs/partition",
  "what is damaged is told as partition_damaged, what cannot serve as partition_unfit",
];

/** Error codes that are not made where all the others are. */
export const ERRORS: Held = {
  cloud_unreachable: NO_CLOUD,
  cloud_invalid: NO_CLOUD,
  not_allowed: ["device-cloud", "who may only read, and a login without the scope: not_allowed"],
  device_unknown: [
    "device-cloud",
    "create without --id makes one, and --dry-run registers nothing and writes nothing",
  ],
  device_exists: [
    "device-cloud",
    "an id that is taken, with another key: device_exists, and nothing is changed",
  ],
  log_broken: ["device-batch", "whose log was changed is not gone on with: log_broken, with the line"],
  batch_other: ["device-batch", "is not mixed with another list, another size or another key: batch_other"],
  partition_damaged: PARTITION,
  partition_unfit: PARTITION,
  port_unavailable: [
    "device-flash",
    "a port that another program has, or that is not there, or is none: port_unavailable, with what to do",
  ],
  device_silent: ["device-flash", "nobody answers: device_silent, and how to press BOOT"],
  device_unfit: ["device-flash", "a chip with {what}: device_unfit, with why, and nothing is written"],
  wifi_failed: [
    "device-wifi",
    "a wrong password, or a network that is not there: wifi_failed, with what to do",
  ],
  device_unverified: [
    "device-flash",
    "what flash holds otherwise than it was written is written once more, then told, and the backup stays",
  ],
  keyring_missing: [
    "keychain",
    "one without any keyring is not called locked: it says that there is none, and the next step",
  ],
  keychain_locked: [
    "keychain",
    "a locked one is not an absent one: it says to unlock it, before anybody is asked",
  ],
  keychain_silent: ["keychain", "is silent, which is told when the time is over"],
  storage_busy: ["store", "a lock that a living process keeps is awaited, then told: storage_busy"],
};

const CERTIFICATE: Test = [
  "doctor",
  '{name}, its CA {trusted ? "trusted" : "unknown"}: {reason}, with names and dates',
];

// biome-ignore format: a table
/** Reasons of doctor's own; the obstacles without `issuer_` and `cloud_`. */
export const DOCTOR_REASONS: Held = {
  storage_insecure: ["doctor", "with readable tokens, as was asked for: storage_insecure, a note"],
  storage_exposed: ["doctor", "with a token that others can read: storage_exposed"],
  no_session_bus: ["doctor", "without a D-Bus session: no_session_bus"],
  no_terminal: ["doctor", "without a terminal and a display: notes"],
  no_browser: ["doctor", "without a terminal and a display: notes"],
  port_taken: ["doctor", "with a port that another program has: port_taken"],
  port_denied: ["doctor", "with a port on which this user may not listen: port_denied, as far as the system denies any"],
  proxy_set: ["doctor", "with a proxy that is set: a note; a problem where the cloud is out of reach"],
  authority_unread: ["doctor", "with authorities of its own: what NODE_EXTRA_CA_CERTS adds, and a file that adds nothing"],
  issuer_http: ["doctor", "that is out of service: issuer_http, with the status"],
  issuer_not_openid: ["doctor", "that is no OpenID provider: issuer_not_openid"],
  issuer_mismatch: ["doctor", "that calls itself by another name: issuer_mismatch, with that name"],
  issuer_without_pkce: ["doctor", "without S256: issuer_without_pkce"],
  clock_behind: ["doctor", "whose clock is {seconds} s off: {reason}, with the seconds"],
  clock_ahead: ["doctor", "whose clock is {seconds} s off: {reason}, with the seconds"],
  host_unknown: ["doctor", "whose name nobody knows: issuer_host_unknown"],
  refused: ["doctor", "that is down: issuer_refused, with host, port and code"],
  timeout: ["doctor", "that accepts and says nothing, over HTTP or TLS: issuer_timeout"],
  unreachable: ["doctor", "to which no network leads: issuer_unreachable, with the code"],
  tls_name: CERTIFICATE,
  tls_ca: CERTIFICATE,
  tls_expired: CERTIFICATE,
  tls_not_yet_valid: CERTIFICATE,
  tls_failed: ["doctor", "on a port without TLS: issuer_tls_failed"],
};

const GIVES_REASON: Test = [
  "checked",
  "gives a reason for every state: without a login, over, ended, refused",
];

/** Reasons of `auth status`. */
export const STATUS_HELD: Readonly<Record<StatusReason, Test>> = {
  valid: ["checked", "asks by introspection, else by user info, and names which"],
  valid_by_clock: [
    "checked",
    "with the provider out of reach: not checked, exit 1; --offline trusts the clock",
  ],
  not_checked: ["checked", "of an opaque token that the provider has no way to check: not_checked, exit 1"],
  not_authenticated: GIVES_REASON,
  token_expired: GIVES_REASON,
  login_ended: GIVES_REASON,
  invalid_token: GIVES_REASON,
};

/** What the tree of commands has, in the words of {@link COMMANDS}, with the default of each flag. */
export function itemsOf(command: Command): Map<string, string> {
  const name = nameOf(command);
  const names = [name, ...command.aliases().map((alias) => name.replace(/\S+$/, alias))];
  const items = new Map(names.map((item) => [item, ""]));
  for (const { flags, hidden, defaultValue } of command.options) {
    if (!hidden) items.set(`${name} ${flags}`, typeof defaultValue === "string" ? defaultValue : "");
  }
  for (const child of command.commands) for (const [item, usual] of itemsOf(child)) items.set(item, usual);
  return items;
}

/** The page docs/cli/contract.md. @param root the tree of commands */
export function contractPage(root: Command): Page {
  const code = (text: string): string => (text === "" ? "" : `\`${text}\``);
  const rows = (names: readonly string[], held: Held, usual?: Test) =>
    names.map((name) => [code(name), heldBy((held[name] ?? usual) as Test)]);
  const items = [...itemsOf(root)].map(([item, usual]) => [
    code(item),
    code(usual),
    heldBy(COMMANDS[item] as Test),
  ]);
  const exits = Object.entries(Exit).map(([name, exit]) => [
    `${exit}: ${name.toLowerCase().replace("_", " ")}`,
    heldBy(EXITS[name] as Test),
  ]);
  const reasons = [...Object.keys(REASONS), ...Object.keys(OBSTACLES)];
  const text = [
    "# What the tests hold",
    "Each command, flag, default, variable, exit status, error code and reason, with a test that holds it. `npm run docs` makes this page of the command line and its tests; a flag without a test fails them.",
    "## Commands and flags",
    table(["item", "default", "held by test/tools/"], items),
    "## Environment variables",
    table(["variable", "held by test/tools/"], rows(Object.keys(VARIABLES), VARIABLES)),
    "## Exit statuses",
    table(["status", "held by test/tools/"], exits),
    "## Error codes",
    table(["code", "held by test/tools/"], rows(Object.keys(FAILURES), ERRORS, ERROR)),
    "## What holds across commands",
    table(
      ["promise", "held by test/tools/"],
      Object.entries(PROMISES).map(([promise, test]) => [promise, heldBy(test)]),
    ),
    "## Reasons of auth status",
    table(["reason", "held by test/tools/"], rows(Object.keys(STATUS_REASONS), STATUS_HELD)),
    "## Reasons of doctor",
    table(["reason", "held by test/tools/"], rows(reasons, DOCTOR_REASONS)),
    "[All commands](README.md)",
  ];
  return { file: "contract.md", text: `${text.join("\n\n")}\n` };
}

/** Every test that the page names. */
export const testsOfContract = (): Test[] =>
  [COMMANDS, VARIABLES, EXITS, ERRORS, PROMISES, STATUS_HELD, DOCTOR_REASONS, { ERROR }].flatMap((held) =>
    Object.values(held),
  );
