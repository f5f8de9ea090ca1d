import type { Command } from "commander";

/** The flag of {@link withAudience}. */
export interface AudienceFlags {
  readonly audience?: string;
}

/** Adds `--audience`, for a command that hands a token on. */
export function withAudience(command: Command): Command {
  return command.option(
    "--audience <name>",
    "a token for this API, by its address or the provider's name for it (token exchange, RFC 8693; resource, RFC 8707)",
  );
}
