/** Has a store over a directory until its input ends: DIRECTORY. Says a dot when it has it. */
import { FileStore } from "../../../host-sim/index.js";

const store = new FileStore(String(process.argv[2]));
store.write("name", Buffer.from("1"), 1);
process.stdout.write(".");
process.stdin.resume();
process.stdin.on("end", () => process.exit());
