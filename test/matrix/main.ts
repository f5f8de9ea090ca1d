/**
 * `npm run matrix`: a token over every road and link, by every proof, from the mock cloud. Exits with 1 when a cell
 * neither passes nor is refused by the policy.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runMatrix } from "./cells.js";
import { tableOf, withTable } from "./table.js";

const PAGE = fileURLToPath(new URL("../../docs/proofs.md", import.meta.url));
const HELP = `npm run matrix -- [options]
  --json    an array of {transport, link, proof, outcome, status}
  --update  puts the table into docs/proofs.md
  --help`;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    update: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(HELP);
else {
  const cells = await runMatrix();
  const table = tableOf(cells);
  console.log(values.json ? JSON.stringify(cells, null, 2) : table);
  if (values.update) await writeFile(PAGE, withTable(await readFile(PAGE, "utf8"), table));
  if (cells.some(({ outcome }) => outcome === "fails")) process.exitCode = 1;
}
