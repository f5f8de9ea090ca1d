/** The entry. What programs ask for at every turn is answered before anything else is read. */
import { VERSION } from "./version.js";

const words = process.argv.slice(2);
const isVersion = words.length === 1 && ["--version", "-V"].includes(words[0] as string);
if (isVersion) process.stdout.on("error", () => undefined).write(`${VERSION}\n`);
else await (await import("./machine.js")).main(words);
