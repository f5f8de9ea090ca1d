import { Command, InvalidArgumentError } from "commander";
import { type Act, withFields } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import type { DoctorFlags } from "./run.js";

/** The fields of each finding. */
export const DOCTOR_FIELDS = ["check", "level", "reason", "message", "evidence", "next"];

/** `motekey doctor` */
export function doctorCommand(act: Act): Command {
  const command = new Command("doctor")
    .summary("what keeps people or devices out?")
    .description(
      "Looks at the store, the keychain, the terminal, ports, proxies, the identity provider, the clock and the login; with --cloud also at the cloud, as a device sees it. Each finding has a code, its evidence and the next step. Exit 0: nothing keeps anybody out; 1: something does.",
    )
    .option("--port <number>", "a port that shall be free on 127.0.0.1; may be given again", ports)
    .option("--cloud <url>", "the cloud that devices reach: mqtt://host:port, mqtts://, ws:// or wss://")
    .option("--ca <file>", "the CA that vouches for the cloud, PEM")
    .option("--transport <name>", "how the device speaks: mqtt, mqtt5, mqtt+ws, mqtt5+ws or rpc+ws", "mqtt")
    .option("--device <id>", "connect as this device does, with its firmware")
    .option("--psk-file <file>", "the device's key")
    .option("--counter <number>", "the counter to prove the device by, without TLS", counter)
    .option("--status <status>", "the status of a device's explain(): a number or a name")
    .option("--record <file>", "all of a device's explain(), as JSON; - for standard input");
  act<DoctorFlags>(command, async () => (await import("./run.js")).doctor);
  withFields(command, DOCTOR_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey doctor", "What is wrong here?"],
      ["motekey doctor --json=reason,evidence", "For a program, or a support request"],
      ["motekey doctor --port 1883 --port 8181", "Are these ports free?"],
      ["motekey doctor --cloud mqtts://cloud.example.com --ca ca.pem", "Does the cloud answer?"],
      [
        "motekey doctor --cloud mqtts://cloud.example.com --ca ca.pem --device plug-1 --psk-file plug-1.key",
        "Would it let this device in?",
      ],
      ["motekey doctor --status 23", "What does this status of a device mean?"],
      ["motekey doctor --record explained.json", "The same with its evidence, JSON.stringify(explain(auth))"],
    ],
    notes: [
      "Connecting as a device ends the connection that the device itself has at that moment; it connects again by itself.",
      "Without TLS a device proves itself by a counter that only rises: after --counter N the cloud takes only higher ones from the device.",
      "No finding holds a secret.",
    ],
  });
}

function ports(text: string, before: readonly number[] = []): number[] {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return [...before, port];
  throw new InvalidArgumentError("A port is a number from 1 to 65535.");
}

function counter(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("A counter is a whole number from 1 on.");
}
