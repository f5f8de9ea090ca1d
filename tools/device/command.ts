import { Command } from "commander";
import type { Act } from "../cli/act.js";
import { withHelp } from "../cli/help.js";
import { auditCommand } from "./audit/command.js";
import { batchCommand } from "./batch/command.js";
import { createCommand } from "./create/command.js";
import { flashCommand } from "./flash/command.js";
import { imageCommand } from "./image/command.js";
import { inspectCommand } from "./inspect/command.js";
import { labelCommand } from "./label/command.js";
import { listCommand } from "./list/command.js";
import { revokeCommand } from "./revoke/command.js";
import { rotateCommand } from "./rotate/command.js";
import { serveCommand } from "./serve/command.js";
import { showCommand } from "./show/command.js";
import { verifyCommand } from "./verify/command.js";
import { wifiCommand } from "./wifi/command.js";

/** `motekey device …` */
export function deviceCommand(act: Act): Command {
  const command = new Command("device")
    .summary("credentials for devices, at the bench")
    .description(
      "Registers devices with the cloud, puts their credentials into flash images, and shows what such an image holds.",
    )
    .helpCommand(false);
  for (const make of [
    createCommand,
    imageCommand,
    flashCommand,
    verifyCommand,
    wifiCommand,
    inspectCommand,
    listCommand,
    showCommand,
    rotateCommand,
    revokeCommand,
    batchCommand,
    labelCommand,
    serveCommand,
    auditCommand,
  ])
    command.addCommand(make(act));
  return withHelp(command, {
    examples: [
      ["motekey device create --id device_123", "Register a device; its key goes to device_123.psk"],
      [
        "motekey device image --id device_123 --psk-file device_123.psk --out nvs.bin",
        "The NVS partition of a new device",
      ],
      ["motekey device inspect nvs.bin", "What is in it?"],
    ],
  });
}
