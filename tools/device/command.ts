import { Command } from "commander";
import type { Act } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import { imageCommand } from "./image/command.js";
import { inspectCommand } from "./inspect/command.js";

/** `motekey device …` */
export function deviceCommand(act: Act): Command {
  const command = new Command("device")
    .summary("credentials for devices, at the bench")
    .description("Puts credentials into the flash images of devices, and shows what such an image holds.")
    .helpCommand(false);
  for (const make of [imageCommand, inspectCommand]) command.addCommand(make(act));
  return withHelp(command, {
    examples: [
      [
        "motekey device image --id device_123 --psk-file device_123.psk --out nvs.bin",
        "The NVS partition of a new device",
      ],
      ["motekey device inspect nvs.bin", "What is in it?"],
    ],
  });
}
