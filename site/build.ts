/**
 * npm run site: the documents, the reference of the API and a picture of the simulated world as a static site in
 * site/dist. Its generators have a package.json of their own, so that npm ci at the root stays quick.
 * SITE_BASE=/motekey/ where the site is to lie below a folder.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stageDocuments } from "./documents.js";
import { drawRun, pictureText } from "./world.js";

const HERE = import.meta.dirname;
const PAGES = join(HERE, "pages");
/** npm writes it last. */
const INSTALLED = join(HERE, "node_modules/.package-lock.json");

function run(program: string, ...args: string[]): void {
  const { status, error } = spawnSync(program, args, { cwd: HERE, stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) {
    console.error(`npm run site stops: ${program} ${args.join(" ")} failed, for the reason above`);
    process.exit(1);
  }
}

const isInstalled =
  existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs > statSync(join(HERE, "package-lock.json")).mtimeMs;
if (!isInstalled) run("npm", "ci", "--ignore-scripts");

rmSync(PAGES, { recursive: true, force: true });
stageDocuments(PAGES);
mkdirSync(join(PAGES, "api"));
run(process.execPath, "reference.mjs", join(PAGES, "api"));

const picture = drawRun({ seed: 1, devices: 16, days: 1 });
const home = readFileSync(join(HERE, "home.md"), "utf8");
writeFileSync(
  join(PAGES, "index.md"),
  home.replace("<!-- the picture of the simulated world -->", pictureText(picture)),
);

run(process.execPath, "node_modules/vitepress/bin/vitepress.js", "build");
console.log(`site/dist is the site: npx --prefix site vitepress preview site`);
