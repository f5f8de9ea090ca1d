/** npm run docs: writes the pages of docs/cli that are made of the command line itself and of its tests. */
import { writeFileSync } from "node:fs";
import { program } from "../../tools/program.js";
import { contractPage } from "./contract.js";
import { migrationPage } from "./migration.js";
import { pagesOf } from "./pages.js";

const FOLDER = new URL("../../docs/cli/", import.meta.url);

const root = program((command) => command);
const pages = [...pagesOf(root), migrationPage(), contractPage(root)];
for (const { file, text } of pages) writeFileSync(new URL(file, FOLDER), text);
