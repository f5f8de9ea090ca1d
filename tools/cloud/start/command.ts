import { Command } from "commander";
import { type Act, withFields } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import type { StartFlags } from "./run.js";

/** The fields of its answer, which is printed when all of it listens. */
export const START_FIELDS = ["mqtt", "http", "issuer", "client_id", "folder", "user", "password"];

/** `motekey cloud start` */
export function startCommand(act: Act): Command {
  const command = new Command("start")
    .summary("start the mock cloud and its identity provider")
    .description(
      "Starts a cloud for devices (MQTT, HTTP) and an identity provider for operators, and runs until Ctrl-C. What they learn is kept in a folder. They are for tests and for trying things out, not for production.",
    )
    .option("--folder <path>", "where devices, users and logins are kept (MOTEKEY_CLOUD_FOLDER)")
    .option("--host <address>", "the address to listen on", "127.0.0.1")
    .option("--mqtt-port <port>", "the broker's port; 0: any free one", "1883")
    .option("--http-port <port>", "the cloud's HTTP port; 0: any free one", "8180")
    .option("--identity-port <port>", "the identity provider's port; 0: any free one", "8181")
    .option("--restored", "the folder was put back from a backup: devices ask for their counters anew; once")
    .option("--seed <file>", "users, organizations and service accounts to begin with, as JSON");
  act<StartFlags>(command, async () => (await import("./run.js")).start);
  withFields(command, START_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey cloud start", "Start it, and print how to log in"],
      ["motekey cloud start --team acme", "With a team of this name to begin with"],
      [
        "motekey cloud start --mqtt-port 0 --http-port 0 --identity-port 0 --json",
        "On free ports, for a program",
      ],
      ["motekey cloud start --restored", "Once, after its folder was put back from a backup"],
    ],
    notes: [
      "The first start makes the user admin with a random password, and shows it once.",
      "After a backup was put back, start once with --restored: every counter is raised by 2^32, so that no recorded connection is taken again, and each device comes back by asking for its counter.",
      'A seed looks like {"organizations":[{"name":"Acme Corp","teams":["acme"]}],"users":[{"username":"ann","password":"…","memberships":[{"organization":"Acme Corp","role":"viewer"}]}],"serviceAccounts":[{"clientId":"ci","secret":"…"}],"audiences":["https://api.example.com"],"lifetimes":{"accessToken":1800}}.',
    ],
  });
}
