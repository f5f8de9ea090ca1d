/** Holds the lock of a file until stdin ends: FILE. Says a dot when it has it. */
import { once } from "node:events";
import { withLock } from "../../../tools/store/file.js";

const [file = ""] = process.argv.slice(2);
await withLock(file, async () => {
  process.stdout.write(".");
  await once(process.stdin.resume(), "end");
});
