/** How a command names the cloud, apart from what asks it: every start reads this. */
import type { Command } from "commander";

/** The flag of every command that asks the cloud. */
export interface CloudFlags {
  readonly cloud?: string;
}

/** Adds it. */
export const withCloudFlag = (command: Command): Command =>
  command.option("--cloud <url>", "the cloud's HTTP address (MOTEKEY_CLOUD)");
