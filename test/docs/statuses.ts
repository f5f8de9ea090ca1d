/** The page docs/statuses.md: each status with its sentence, in the groups of firmware/status.ts. */

import { readFileSync } from "node:fs";
import { sentenceOf } from "../../firmware/explain.js";
import { Status } from "../../firmware/index.js";
import type { Page } from "./pages.js";
import { at } from "./repository.js";

/** A group of statuses, as the comments of the enum make them. */
interface Group {
  readonly heading: string;
  readonly names: string[];
}

/** The enum's members under the comments that stand above them. */
function groups(): Group[] {
  const body = readFileSync(at("firmware/status.ts"), "utf8").split("export enum Status {")[1] ?? "";
  const found: Group[] = [{ heading: "Done", names: [] }];
  for (const line of body.split("\n")) {
    const heading = /^ {2}\/\/ (.*?)\.?$/.exec(line)?.[1];
    const name = /^ {2}(\w+) = \d+,$/.exec(line)?.[1];
    if (heading !== undefined) found.push({ heading, names: [] });
    else if (name !== undefined) found.at(-1)?.names.push(name);
  }
  return found;
}

const sectionOf = ({ heading, names }: Group): string => {
  const rows = names.map((name) => {
    const status = Status[name as keyof typeof Status];
    return `| ${status} | \`${name}\` | ${sentenceOf(status).replaceAll("|", "\\|")} |`;
  });
  return [
    `## ${heading}`,
    ["| | status | what happened, and what to do next |", "|---|---|---|", ...rows].join("\n"),
  ].join("\n\n");
};

/** The page docs/statuses.md, made of the firmware's own sentences. */
export const statusesPage = (): Page => ({
  file: "statuses.md",
  text: `${[
    "# Statuses",
    "How a call, a connection or a piece of input ended. Callbacks get the number, `explain()` name, number and sentence; on Espruino there are numbers only, and `motekey doctor --status 23` prints the sentence. The numbers are stable across versions.",
    ...groups().map(sectionOf),
  ].join("\n\n")}\n`,
});
