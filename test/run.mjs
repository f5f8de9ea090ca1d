// npm test: builds the XS engine when that is possible and not yet done, then runs mocha on the files given
// (all by default). The last line of the output is "N passed, N failed, N skipped".
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { installEngines } from "./engines/install.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MOCHA = fileURLToPath(new URL("../node_modules/mocha/bin/mocha.js", import.meta.url));
const given = process.argv.slice(2);
const files = given.some((word) => word.endsWith(".ts") || existsSync(word)) ? [] : ["test/**/*.test.ts"];

const missing = installEngines();
if (missing !== null) console.log(`Without XS: ${missing}`);

const mocha = spawn(process.execPath, [MOCHA, "--reporter=test/reporter.cjs", ...given, ...files], {
  cwd: ROOT,
  stdio: "inherit",
});
mocha.on("exit", (code, signal) => {
  process.exitCode = code ?? 1;
  if (signal !== null) console.log(`mocha was ended by ${signal}`);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => mocha.kill(signal));
