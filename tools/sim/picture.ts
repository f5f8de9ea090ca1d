/** The README's picture of a fleet that comes back: `npm run picture` writes it, a test compares it. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { comebacks } from "../../host-sim/index.js";
import { HERD_STYLE, herdFigure } from "./herd-figure.js";

const SEED = 1;
const DEVICES = 1_000;

export const PICTURE = new URL("../../docs/herd.svg", import.meta.url);

/** The picture, as SVG. */
export const drawHerd = (): string =>
  `${herdFigure(comebacks(SEED, DEVICES)).replace(">", `><style>${HERD_STYLE}</style>`)}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PICTURE, drawHerd());
