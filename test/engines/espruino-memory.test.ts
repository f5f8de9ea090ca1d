import assert from "node:assert/strict";
import { bundleEspruino } from "../../build/espruino.mjs";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Espruino, findEspruino } from "./espruino.js";

/** Variables of 14 bytes, as on ESP32; other builds have other sizes, and only what is retained is compared. */
const ESP32_VARIABLE_BYTES = 14;
const CODE_VARIABLES_MAX = 3_700;
const CLIENT_VARIABLES_MAX = 1_700;
const ROUNDS = 20;

/** Puts a file into the engine's flash, where code is run from without a copy. */
const TO_STORAGE = `
  (function() {
    var file = E.openFile("motekey.js", "r"), text, at = 0, size = E.openFile("size", "r").read(10) | 0;
    while ((text = file.read(512)) !== undefined) {
      require("Storage").write("motekey", text, at, size);
      at += text.length;
    }
  })();`;

describe("memory on Espruino", function () {
  this.timeout(60_000);
  let program: string;
  let cloud: Cloud;
  let espruino: Espruino | undefined;

  before(async function () {
    program = findEspruino(this);
    cloud = await startCloud();
  });
  afterEach(() => espruino?.close());
  after(() => cloud?.close());

  it(`${ROUNDS} round trips retain no variable; code and client keep their budgets`, async () => {
    const { psk } = await cloud.addDevice({ id: "device_1" });
    const motekey = await bundleEspruino();
    const script = `${TO_STORAGE}
      var credential = { psk: "${psk}", counter: 1 }, usage = [0, 0, 0, 1e9, 1e9], rounds = 0;
      usage[0] = process.memory().usage;
      var motekey = require("motekey");
      usage[1] = process.memory().usage;
      var auth = motekey.createAuth(
        { deviceId: "device_1", cloud: { host: "127.0.0.1", port: ${cloud.port} }, credential: credential },
        motekey.espruinoPorts(credential));
      usage[2] = process.memory().usage;
      var app = auth.host("app.example.com");
      function told(status) {
        if (status !== 0) throw new Error("status " + status);
        setTimeout(next, 20);
      }
      // A timer or a packet may be under way: what the quietest moments of each half hold is compared.
      function next() {
        var half = rounds < ${ROUNDS} ? 3 : 4;
        usage[half] = Math.min(usage[half], process.memory().usage);
        rounds++;
        if (rounds <= 2 * ${ROUNDS}) return app.generateToken(told);
        tell(usage.join(" ") + " " + process.memory().blocksize);
        quit();
      }
      app.getToken(told);`;
    const files = { "motekey.js": motekey, size: `${Buffer.byteLength(motekey)}` };
    espruino = await Espruino.start(program, script, files);
    const [empty, loaded, made, early, late, blockBytes] = (await espruino.next()).split(" ").map(Number);
    console.log(
      `      variables of ${blockBytes} B: code ${loaded - empty}, client ${made - loaded}, in use ${late - empty}`,
    );
    assert.equal(late, early, "variables retained");
    if (blockBytes !== ESP32_VARIABLE_BYTES) return;
    assert.ok(loaded - empty <= CODE_VARIABLES_MAX, `code: ${loaded - empty} variables`);
    assert.ok(made - loaded <= CLIENT_VARIABLES_MAX, `client: ${made - loaded} variables`);
  });
});
