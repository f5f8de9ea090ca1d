/** The flags that say which partition at which port is meant, apart from what reads it: every start reads this. */
import type { Command } from "commander";

/** The speed that the flasher of a chip is spoken to at. */
export const BAUD = "460800";

/** Those of every command that speaks to a chip. */
export interface PortFlags {
  readonly port?: string;
  readonly chip?: string;
  readonly table?: string;
  readonly partition?: string;
  readonly baud?: string;
}

/** Adds them. */
export function withPortFlags(command: Command): Command {
  command.option(
    "-p, --port <path>",
    "the serial port, or the serial number of the USB device; without it the only one",
  );
  return withPartitionFlags(command);
}

/** All but the port. */
export function withPartitionFlags(command: Command): Command {
  return command
    .option("--partition <label>", "the NVS partition, where there are several")
    .option("--table <offset>", "where the partition table lies; without it 0x8000, and what is behind it")
    .option("--chip <name>", "refuse any other chip, such as esp32s3")
    .option("--baud <rate>", "the speed of the line (default: 460800; of Espruino 115200)");
}
