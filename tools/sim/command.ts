import { Command, Option } from "commander";
import { type Act, withFields } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import { SIM_FIELDS } from "./fields.js";
import type { SimFlags } from "./run.js";

/** `motekey sim` */
export function simCommand(act: Act): Command {
  const command = new Command("sim")
    .summary("run a fleet of simulated devices through days of faults")
    .description(
      "Runs devices with the firmware's own sources in virtual time, each with a broker and a cloud, through faults of network, broker, cloud, clock and flash that are drawn from one seed. What must hold is checked after every turn. The first device that fails is run again with fewer and fewer faults, and what is left goes into a file.",
    )
    .option("--devices <number>", "how many", "100")
    .option("--days <number>", "for how long, in virtual days; a fraction will do", "1")
    .option("--seed <number>", "decides all that happens; 0 to 4294967295", "1")
    .addOption(
      new Option("--faults <level>", "how much goes wrong")
        .choices(["none", "few", "ordinary", "many"])
        .default("ordinary")
        .conflicts("scenario"),
    )
    .addOption(
      new Option(
        "--broker <name>",
        "the broker whose manners all devices meet; without it each meets one",
      ).choices(["mosquitto", "rabbitmq", "nats", "aedes", "managed"]),
    )
    .addOption(
      new Option(
        "--core <name>",
        "the core that all devices run; without it one of four runs Espruino's",
      ).choices(["byte", "espruino"]),
    )
    .option(
      "--spread <seconds>",
      "limits.spreadMs of all devices: first attempts after a boot or a loss are spread over it; 0: they are not, and no bound is checked",
      "300",
    )
    .option("--workers <number>", "processes that share the work; without it as many as there are processors")
    .option("--keep <folder>", "where the file of a failure goes", ".")
    .option("--scenario <file>", "a place or a day that all go through, in place of --faults")
    .option("--report <file>", "write what happened as one HTML file, with plots")
    .addOption(
      new Option(
        "--record <file>",
        "run the first device alone, with the byte core, and write its trace, without secrets",
      ).conflicts(["report", "replay"]),
    )
    .option("--replay <file>", "run the device of such a file, or of a trace, and no other");
  act<SimFlags>(command, async () => (await import("./run.js")).sim);
  withFields(command, SIM_FIELDS);
  return withHelp(command, {
    examples: [
      ["motekey sim", "A hundred devices for a day"],
      ["motekey sim --devices 1000 --days 7 --faults many --json", "A week of a bad place, for a program"],
      ["motekey sim --core espruino --broker rabbitmq", "One core, at one broker"],
      [
        "motekey sim --devices 500 --report week.html --days 7",
        "A week of a fleet, to be looked at in a browser",
      ],
      ["motekey sim --replay motekey-sim-1-17.json", "What failed once, again"],
      ["motekey sim --replay trace.ndjson", "What a device recorded with motekey/trace, again"],
    ],
    notes: [
      "The same seed has the same hash, with any number of workers, on any machine with the same version of motekey.",
      "Exit: 0 where all checks held, 1 where one did not.",
      "What is checked, and the faults there are: docs/simulation.md.",
    ],
  });
}
