/** npm run docs: writes the pages that are made of the command line itself, of SECURITY.md and the statuses, and of their tests. */
import { readFileSync, writeFileSync } from "node:fs";
import { program } from "../../tools/program.js";
import { contractPage } from "./contract.js";
import { migrationPage } from "./migration.js";
import { pagesOf } from "./pages.js";
import { promisesPage } from "./promises.js";
import { at } from "./repository.js";
import { statusesPage } from "./statuses.js";

const FOLDER = new URL("../../docs/cli/", import.meta.url);

const root = program((command) => command);
const pages = [...pagesOf(root), migrationPage(), contractPage(root)];
for (const { file, text } of pages) writeFileSync(new URL(file, FOLDER), text);

const promises = promisesPage(readFileSync(at("SECURITY.md"), "utf8"));
writeFileSync(at(`docs/${promises.file}`), promises.text);

const statuses = statusesPage();
writeFileSync(at(`docs/${statuses.file}`), statuses.text);
