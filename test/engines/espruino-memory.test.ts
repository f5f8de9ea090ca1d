import assert from "node:assert/strict";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { measureLean } from "../budget/espruino-lean.js";
import { findEspruino } from "./espruino.js";

const ROUNDS = 40;
/** The issue's, and what is left for an app where there are the 4,095 of an ESP32-C3; `npm run budget` has the goals. */
const IN_USE_MAX = 1_700;

describe("memory on Espruino", () => {
  let program: string;
  let cloud: Cloud;

  before(async function () {
    program = findEspruino(this);
    cloud = await startCloud();
  });
  after(() => cloud?.close());

  it(`${ROUNDS} round trips keep no variable, and a token is told within a board's`, async () => {
    const { variableBytes, code, client, peak, retained } = await measureLean(program, cloud, ROUNDS);
    console.log(`      variables of ${variableBytes} B: code ${code}, client ${client}, in use ${peak}`);
    assert.ok(retained <= 0, `${retained} variables kept`);
    if (variableBytes < 16) assert.ok(peak <= IN_USE_MAX, `in use: ${peak} variables`);
  });
});
