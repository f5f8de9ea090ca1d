// npm run test:deep: what takes too long for npm test, in parts, one file NAME.deep.test.ts each. All parts, or those
// whose names hold a word that is given; --list names them. The last line is "N passed, N failed, N skipped".
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SUFFIX = ".deep.test.ts";
const COUNT = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m;

const parts = readdirSync(`${ROOT}test`, { recursive: true })
  .filter((file) => file.endsWith(SUFFIX) && !file.includes("node_modules"))
  .map((file) => ({ name: basename(file, SUFFIX), file: `test/${file}` }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));

const words = process.argv.slice(2);
if (words.includes("--list")) {
  for (const { name, file } of parts) console.log(`${name}  ${file}`);
  process.exit(0);
}
const unknown = words.find((word) => !parts.some(({ name }) => name.includes(word)));
if (unknown !== undefined) {
  console.error(`No part is named like '${unknown}'. There are: ${parts.map(({ name }) => name).join(", ")}`);
  process.exit(1);
}

const left = parts.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const total = [0, 0, 0];
const times = [];

/** Resolves to what a part printed, and its exit status. */
const output = (file) =>
  new Promise((resolve) => {
    // As in npm test, whose processes are ended with their tests, a line that is still open holds up no other part.
    const child = spawn(process.execPath, ["test/run.mjs", "--timeout=1800000", "--exit", file], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (data) => {
      text += data;
    });
    child.on("close", (status) => resolve({ text, status }));
  });

/** Runs one part after the other until none is left. */
async function work() {
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    const start = performance.now();
    const { text, status } = await output(part.file);
    const count = COUNT.exec(text);
    process.stdout.write(text.replace(COUNT, "").trimEnd());
    if (count === null)
      total[1]++; // it ended before it could count: a failure, and never nothing
    else for (const index of [0, 1, 2]) total[index] += Number(count[index + 1]);
    const failed = status === 0 ? "" : ", FAILED";
    times.push(`${part.name}: ${((performance.now() - start) / 1000).toFixed(0)} s${failed}`);
    if (status !== 0) process.exitCode = 1;
  }
}

// Two at a time: most of them wait for other programs.
await Promise.all([work(), work()]);
console.log(`\n\nParts\n  ${times.sort().join("\n  ")}\n`);
if (total[0] + total[1] === 0) process.exitCode = 1;
console.log(`${total[0]} passed, ${total[1]} failed, ${total[2]} skipped`);
