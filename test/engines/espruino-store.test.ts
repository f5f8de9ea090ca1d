import assert from "node:assert/strict";
import { bundleLean } from "../../build/lean.mjs";
import { Status } from "../../firmware/index.js";
import { type Cloud, type CloudEvent, startCloud } from "../../host-sim/cloud/index.js";
import { Espruino, FLASH, findEspruino } from "./espruino.js";

/** What the core keeps in Storage, as numbers 0…255: quoted names are not shortened. */
const STORE = `
  import { RecordKind } from "../store/record.js";
  import { readCredential, writeCredential } from "./credential.js";
  import { Auth } from "./auth.js";
  import { random } from "./keys.js";
  import { chr } from "./proofs.js";
  import { load, save, slotsOf } from "./records.js";
  let slots; // the engine does not hoist: at the top there is no function yet that is made on demand
  const record = () => slots ?? (slots = slotsOf("motekey-ctr", RecordKind.COUNTER, RecordKind.COUNTER));
  let now = 0;
  exports["load_counter"] = () => {
    const payload = load(record(), now);
    return typeof payload === "string" ? payload.charCodeAt(7) : 0;
  };
  exports["save_counter"] = (value) => {
    now += 20000000; // longer than a store that failed is left alone
    return save(record(), RecordKind.COUNTER, chr(0, 0, 0, 0, 0, 0, 0, value), now);
  };
  exports["load_credential"] = () => {
    const reading = readCredential();
    return reading.status === 0 ? reading.psk.charCodeAt(0) : 0;
  };
  exports["save_credential"] = (value) =>
    writeCredential({ "deviceId": "device_123", "psk": chr(value, 1, 2, 3) }) === 0;
  exports["random"] = () => {
    const cloud = { "host": "127.0.0.1", "port": 1 };
    new Auth({ "deviceId": "device_123", "credential": { "psk": "key" }, "cloud": cloud }).suspend();
    const bytes = random(8);
    let text = "";
    for (let i = 0; i < 8; i++) text += bytes.charCodeAt(i) + ",";
    return text;
  };`;

const LOAD = `Modules.addCached("store", require("fs").readFileSync("store.js"));
  var motekey = require("store");\n`;

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

describe("Espruino's Storage as the device's store", function () {
  this.timeout(120_000);
  let program: string;
  let store: string;
  let espruino: Espruino | undefined;

  before(async function () {
    store = await bundleLean({ entry: STORE }); // made where no engine is, too: what it names has to be there
    program = findEspruino(this);
  });
  afterEach(async () => {
    await espruino?.close();
    espruino = undefined;
  });

  /** What a script tells on a device with this flash, or with an empty one. */
  async function start(script: string, flash?: Buffer): Promise<string> {
    await espruino?.close();
    const files = flash === undefined ? {} : { [FLASH]: flash };
    espruino = await Espruino.start(program, LOAD + script, { ...files, "store.js": store });
    return espruino.next();
  }

  /** What a script tells after a cut of power. */
  async function reboot(script: string): Promise<string> {
    espruino = await (espruino as Espruino).reboot(LOAD + script);
    return espruino.next();
  }

  it("says that a write failed when there is no room", async () => {
    const script = `
      var storage = require("Storage");
      storage.write("other", "x", 0, storage.getFree() - 64);
      tell(motekey.save_counter(1) + " " + motekey.save_credential(1));`;
    assert.equal(await start(script), "false false");
  });

  for (const kept of ["counter", "credential"]) {
    it(`finds a whole ${kept} at whatever byte of a write the power is cut, and goes on from there`, async () => {
      const [load, save] = [`motekey.load_${kept}`, `motekey.save_${kept}`];
      await start(`${load}(); for (var i = 1; i < 5; i++) ${save}(i); tell("");`);
      const old = await (espruino as Espruino).flash();
      assert.equal(await reboot(`${load}(); tell("" + ${save}(5));`), "true");
      const now = await (espruino as Espruino).flash();
      // The engine marks the old value as dead, then writes a header and the bytes, each behind the one before.
      const written = [...now.keys()].filter((at) => now[at] !== old[at]);
      assert.ok(written.length > 22, `${written.length} bytes`);
      const seen = new Set<string>();
      const flash = Buffer.from(old);
      for (const at of written) {
        flash[at] = now[at];
        // What was torn may spoil the write after it too, which says so.
        const told = await start(
          `tell(${load}() + " " + (${save}(6) || ${save}(6)) + " " + ${load}());`,
          flash,
        );
        const [loaded = "", ...others] = told.split(" ");
        assert.deepEqual(others, ["true", "6"], `cut behind ${at}`);
        seen.add(loaded);
      }
      assert.deepEqual([...seen], ["4", "5"]);
    });
  }

  it("leaves a replaced value in flash until it is compacted, which keeps all others", async () => {
    const secrets = ["an old secret that was replaced", "the secret that counts"];
    const [first, second] = secrets as [string, string];
    const write = (name: string, text: string) => `require("Storage").write("${name}", "${text}");`;
    await start(
      `${write("motekey-b", "another")} ${write("motekey-a", first)} ${write("motekey-a", second)} tell("");`,
    );
    const found = async () => {
      const flash = await (espruino as Espruino).flash();
      return secrets.map((secret) => flash.includes(secret));
    };
    assert.deepEqual(await found(), [true, true]);
    const compact = `
      require("Storage").compact();
      tell(require("Storage").read("motekey-a") + " " + require("Storage").read("motekey-b"));`;
    assert.equal(await reboot(compact), `${second} another`);
    assert.deepEqual(await found(), [false, true]);
  });

  it("seeds random numbers with the credential and the counter, where clock and chance are alike", async () => {
    const random = `
      function getTime() { return 1; };
      E.hwRand = function() { return 4; };
      tell(motekey.random());`;
    const seen = [await start(random)];
    assert.equal(await reboot(random), seen[0]);
    for (const kept of ["counter", "credential", "counter"]) {
      const raise = `motekey.load_${kept}(); tell("" + motekey.save_${kept}(${seen.length}));`;
      assert.equal(await reboot(raise), "true");
      const bytes = await reboot(random);
      assert.ok(!seen.includes(bytes), `after a new ${kept}`);
      seen.push(bytes);
    }
  });
});

describe("a device on Espruino over reboots", function () {
  this.timeout(120_000);
  let program: string;
  let cloud: Cloud;
  let espruino: Espruino | undefined;
  const events: CloudEvent[] = [];

  before(async function () {
    program = findEspruino(this);
    cloud = await startCloud({ log: (event) => events.push(event) });
    await cloud.addDevice({ id: ID, psk: PSK });
  });
  after(async () => {
    await espruino?.close();
    await cloud?.close();
  });

  it("never uses a counter twice, and needs nothing from its app", async () => {
    const provision = `
      toStorage("motekey");
      var motekey = require("motekey");
      tell("" + motekey.writeCredential({ deviceId: "${ID}", psk: "${PSK}" }));`;
    const script = `
      var motekey = require("motekey");
      var auth = motekey.createAuth({ cloud: { host: "127.0.0.1", port: ${cloud.port} } });
      auth.host("app.example.com").getToken(function(status) { tell("" + status); });`;
    espruino = await Espruino.start(program, provision, { motekey: await bundleLean() });
    assert.equal(Status[Number(await espruino.next())], "OK");
    for (let boots = 1; boots <= 3; boots++) {
      espruino = await espruino.reboot(script);
      assert.equal(Status[Number(await espruino.next())], "OK", `boot ${boots}`);
    }
  });
});
