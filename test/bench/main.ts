/** `npm run bench`: the firmware and the command line beside their peers, measured in the same run. */
import { parseArgs } from "node:util";
import { batch } from "./batch.js";
import { cloudConnects } from "./cloud-connects.js";
import { decode, encode } from "./codec.js";
import { connects } from "./connects.js";
import { firstToken } from "./first-token.js";
import { flash } from "./flash.js";
import { memory } from "./memory.js";
import { nvs } from "./nvs.js";
import { roundTrip } from "./round-trip.js";
import type { Group, Row } from "./row.js";
import { service } from "./service.js";
import { startUp } from "./start-up.js";
import { heading, lines } from "./table.js";
import { world } from "./world.js";

const HELP = `npm run bench -- [options]
  --json         an array of {name, ours, peer, unit, ratio, goal, reached, against, tried}
  --only <name>  only the groups whose name contains this: encode, decode, first token, round trip,
                 connects, cloud connects, memory, nvs, batch, flash,
                 start-up, service, world; may be repeated
  --quick        short rounds: whether it runs, not how fast
  --help`;

const GROUPS: readonly Group[] = [
  encode,
  decode,
  firstToken,
  roundTrip,
  connects,
  cloudConnects,
  memory,
  nvs,
  batch,
  flash,
  startUp,
  service,
  world,
];

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
  },
});

const isChosen = ({ name }: Group): boolean =>
  values.only.length === 0 || values.only.some((part) => name.includes(part));

async function bench(): Promise<void> {
  const groups = GROUPS.filter(isChosen);
  if (groups.length === 0) {
    const names = GROUPS.map(({ name }) => name).join(", ");
    throw new Error(`bench: --only ${values.only.join(" ")} chooses nothing; the groups are ${names}`);
  }
  const rows: Row[] = [];
  if (!values.json) console.log(heading());
  for (const group of groups) {
    const more = await group.rows(values.quick);
    rows.push(...more);
    if (!values.json) for (const row of more) console.log(lines(row));
  }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
  else {
    const missed = rows.filter(({ reached }) => reached === false).map(({ name }) => name);
    console.log(missed.length === 0 ? "all goals reached" : `not reached: ${missed.join("; ")}`);
  }
}

if (values.help) console.log(HELP);
else await bench();
