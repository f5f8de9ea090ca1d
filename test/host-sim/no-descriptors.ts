/** A process that has no descriptor left makes the ports of Node, opens their link, and prints what that says. */

import { openSync } from "node:fs";
import { sentenceOf } from "../../firmware/explain.js";
import { Status } from "../../firmware/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";

const events = {
  opened: () => {},
  received: () => {},
  writable: () => {},
  closed: (status: Status) => process.stdout.write(`closed ${Status[status]}: ${sentenceOf(status)}\n`),
};
try {
  for (;;) openSync("/dev/null", "r");
} catch {
  nodePorts().link.open({ host: "127.0.0.1", port: Number(process.argv[2]) }, events);
}
