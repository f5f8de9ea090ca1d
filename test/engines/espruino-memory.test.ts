import assert from "node:assert/strict";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { findEspruino } from "./espruino.js";
import { measureEspruino, ROUNDS } from "./espruino-memory.js";

/** As on ESP32; other builds have other variables, and only what is retained is compared. */
const ESP32_VARIABLE_BYTES = 14;
const CODE_MAX = 5_050;
const CLIENT_MAX = 1_920;

describe("memory on Espruino", () => {
  let program: string;
  let cloud: Cloud;

  before(async function () {
    program = findEspruino(this);
    cloud = await startCloud();
  });
  after(() => cloud?.close());

  it(`${ROUNDS} round trips retain no variable; code and client keep their budgets`, async () => {
    const { variableBytes, code, client, inUse, retained } = await measureEspruino(program, cloud);
    console.log(`      variables of ${variableBytes} B: code ${code}, client ${client}, in use ${inUse}`);
    assert.equal(retained, 0, "variables retained");
    if (variableBytes !== ESP32_VARIABLE_BYTES) return;
    assert.ok(code <= CODE_MAX, `code: ${code} variables`);
    assert.ok(client <= CLIENT_MAX, `client: ${client} variables`);
  });
});
