// npm test: builds the XS engine when that is possible and not yet done, then runs mocha on the files given, or on all
// but the deep ones in two processes. The last line of the output is "N passed, N failed, N skipped".
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { installEngines } from "./engines/install.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MOCHA = fileURLToPath(new URL("../node_modules/mocha/bin/mocha.js", import.meta.url));
const JOBS = 2;
/** Those that take longest begin first, so that none of them is left to one process at the end. */
const FIRST = ["host-sim/story", "tools/process", "tools/acceptance/", "host-sim/", "tools/"];

const given = process.argv.slice(2);
const isChoice = given.some((word) => word.endsWith(".ts") || existsSync(word));

const missing = installEngines();
if (missing !== null) console.log(`Without XS: ${missing}`);

const words = isChoice ? given : ["--parallel", `--jobs=${JOBS}`, ...given, ...allTests()];
const mocha = spawn(process.execPath, [MOCHA, "--reporter=test/reporter.cjs", ...words], {
  cwd: ROOT,
  stdio: "inherit",
});
mocha.on("exit", (code, signal) => {
  process.exitCode = code ?? 1;
  if (signal !== null) console.log(`mocha was ended by ${signal}`);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => mocha.kill(signal));

/** All test files but those of `npm run test:deep`, from the root, in the order in which they begin. */
function allTests() {
  const files = readdirSync(`${ROOT}test`, { recursive: true })
    .filter(
      (file) =>
        file.endsWith(".test.ts") && !file.endsWith(".deep.test.ts") && !file.includes("node_modules"),
    )
    .sort();
  const place = (file) => {
    const index = FIRST.findIndex((start) => file.startsWith(start));
    return index < 0 ? FIRST.length : index;
  };
  return files.sort((a, b) => place(a) - place(b)).map((file) => `test/${file}`);
}
