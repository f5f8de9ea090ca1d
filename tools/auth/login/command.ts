import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { LoginFlags } from "./method.js";

/** The fields of its answer. */
export const LOGIN_FIELDS = [
  "account",
  "team",
  "type",
  "email",
  "organization",
  "issuer",
  "expires_at",
  "storage",
  "default",
];

/** `motekey auth login` */
export function loginCommand(act: Act): Command {
  const command = new Command("login")
    .summary("log in to a team")
    .description(
      "Logs in. Without flags the browser is opened (authorization code with PKCE), or, over SSH and without a display, an address and a code are printed that work from any machine. A login that is still good is kept; --force logs in again.",
    )
    .option(
      "-u, --username [name]",
      "log in with a user name and a password (MOTEKEY_USERNAME); asks without a name",
    )
    .option(
      "-p, --password <password>",
      "the password; others may see it, so rather pipe it in, or MOTEKEY_PASSWORD",
    )
    .option(
      "--client-id <id>",
      "the client to log in as: this program's, or a service account's (MOTEKEY_CLIENT_ID)",
    )
    .option("-c, --client-secret <key>", "the service account's secret (rather MOTEKEY_CLIENT_SECRET)")
    .option(
      "-s, --secret-file <path>",
      "the service account's private key, a PEM file (RSA, P-256 to P-521 or Ed25519)",
    )
    .option("--with-token", "read an access token from standard input")
    .option(
      "--workload-token-file <file>",
      "the file in which the platform puts a workload's token; read at each use (token exchange, RFC 8693)",
    )
    .option("--browser", "open the browser, also where there seems to be none")
    .option("--no-browser", "print an address that can be opened anywhere")
    .option("--no-launch-browser", "the same")
    .option("--device-code", "print an address and a code, which c copies (device grant, RFC 8628)")
    .option("--force", "log in again, even when the login is still good")
    .option("--keep-default", "leave the default account as it is; otherwise this login becomes it")
    .option("--clear", "first erase what is kept for this user and team, then log in")
    .option("--scopes <scopes>", "what the token shall be good for, instead of all that this program uses")
    .option("--insecure-storage", "keep the login in a file that only you can read, without a keychain");
  act<LoginFlags>(command, async () => (await import("./run.js")).login);
  withFields(command, LOGIN_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey auth login --team acme --issuer https://id.example.com", "Log in for the first time"],
      ["motekey auth login", "Log in again, or get a fresh token"],
      ["motekey auth login --no-browser", "From a machine without a browser"],
      ["motekey auth login --username admin", "With a password, which is asked for"],
      ["motekey auth login --username admin < password.txt", "With a password from a file"],
      ["motekey auth login --client-id ci --secret-file ci.pem", "As a service account"],
      [
        "motekey auth login --workload-token-file /var/run/secrets/tokens/motekey --insecure-storage",
        "As a workload, in Kubernetes: without any secret",
      ],
      ["motekey auth login --with-token < token.txt", "With a token made elsewhere"],
    ],
    variables: [
      ["MOTEKEY_USERNAME", "the user name"],
      ["MOTEKEY_PASSWORD", "the password"],
      ["MOTEKEY_CLIENT_ID", "the client"],
      ["MOTEKEY_CLIENT_SECRET", "the service account's secret"],
    ],
    notes: [
      "Whoever logged in with a user name and a password need not give them again: both are kept, sealed by a key in the system's keychain, until 'motekey auth logout --clear'. With --insecure-storage no password is kept; it is for this login alone, and until the next one without it. On a terminal the login says what is kept where.",
      "Of a workload the file's path is kept, never the token in it: the platform replaces that before it is over. The file is this user's or root's, at most 64 kB long, and nobody else may write it.",
      "While a code is shown on a terminal, c copies it to the clipboard: by wl-copy, xclip or xsel, pbcopy, clip.exe, termux-clipboard-set, or else by the terminal itself (OSC 52), also over SSH.",
      "The browser's answer is awaited for 2 minutes, on 127.0.0.1 or ::1 only.",
    ],
  });
}
