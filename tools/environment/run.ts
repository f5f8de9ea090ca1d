import type { Context } from "../cli/act.js";
import { variable } from "../cli/system.js";
import { VARIABLES } from "../cli/variables.js";

/** Lists the environment variables that count. */
export async function environment({ system, output }: Context): Promise<void> {
  const rows = VARIABLES.map(([name, meaning]) => ({
    variable: name,
    meaning,
    set: variable(system, name) !== undefined,
  }));
  const width = Math.max(...VARIABLES.map(([name]) => name.length));
  const line = ({ variable: name, meaning, set }: (typeof rows)[number]) =>
    `${set ? output.colours.green("✓") : " "} ${name.padEnd(width)}  ${meaning}`;
  output.answer(rows, rows.map(line).join("\n"));
}
