/** `npm run picture`: docs/herd.svg, the README's picture of a fleet that comes back. */
import { writeFileSync } from "node:fs";
import { comebacks } from "../../host-sim/index.js";
import { HERD_STYLE, herdFigure } from "./herd-figure.js";

const SEED = 1;
const DEVICES = 1_000;

const svg = herdFigure(comebacks(SEED, DEVICES)).replace(">", `><style>${HERD_STYLE}</style>`);
writeFileSync(new URL("../../docs/herd.svg", import.meta.url), `${svg}\n`);
