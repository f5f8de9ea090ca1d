import assert from "node:assert/strict";
import { bundleEspruino } from "../../build/espruino.mjs";
import { Status } from "../../firmware/index.js";
import { type Cloud, type CloudEvent, startCloud } from "../../host-sim/cloud/index.js";
import { Espruino, FLASH, findEspruino } from "./espruino.js";

/** The store, and what is kept over it as numbers 0…255, as a module of Espruino. */
const STORE = `
  import { EspruinoStore } from "./firmware/adapters/espruino/store.js";
  import { EspruinoEntropy } from "./firmware/adapters/espruino/entropy.js";
  import { readCredential, writeCredential } from "./firmware/credential.js";
  import { Keeper } from "./firmware/keep/keeper.js";
  import { KeptRecord, PAYLOAD_AT, RecordKind } from "./firmware/keep/record.js";
  const store = new EspruinoStore();
  const keeper = new Keeper(store);
  const record = new KeptRecord(keeper, "motekey-ctr", RecordKind.COUNTER, RecordKind.COUNTER);
  const buffer = new Uint8Array(22);
  exports["read"] = (name, out) => store.read(name, out);
  exports["write"] = (name, bytes, length) => store.write(name, bytes, length);
  exports["load_counter"] = () => (record.load(buffer) < 0 ? 0 : buffer[PAYLOAD_AT + 7]);
  exports["save_counter"] = (value) => {
    keeper.nowMs += 20000000; // longer than a store that failed is left alone
    return record.save(RecordKind.COUNTER, buffer, {
      layOut: (into) => {
        into.fill(0);
        into[PAYLOAD_AT + 7] = value;
        return 8;
      },
    });
  };
  exports["load_credential"] = () => {
    const reading = readCredential(store);
    return reading.credential === null ? 0 : reading.credential.psk[0];
  };
  exports["save_credential"] = (value) =>
    writeCredential(store, { deviceId: "device_123", psk: new Uint8Array([value, 1, 2, 3]) }) === 0;
  exports["random"] = () => {
    const bytes = new Uint8Array(8);
    new EspruinoEntropy(store).fill(bytes, 0, 8);
    return bytes.join();
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
    program = findEspruino(this);
    store = await bundleEspruino({ entry: STORE });
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

  it("keeps bytes of every value over a boot", async () => {
    const every = "var every = new Uint8Array(256); for (var i = 0; i < 256; i++) every[i] = i;";
    assert.equal(await start(`${every} tell("" + motekey.write("motekey-a", every, 256));`), "true");
    const compared = `${every}
      var out = new Uint8Array(300), length = motekey.read("motekey-a", out), same = 0;
      for (i = 0; i < 256; i++) if (out[i] === every[i]) same++;
      tell(length + " " + same);`;
    assert.equal(await reboot(compared), "256 256");
  });

  it("tells what is absent, and the length of what does not fit", async () => {
    const script = `
      var out = new Uint8Array(3), bytes = new Uint8Array([1, 2, 3, 4, 5]);
      tell(motekey.read("motekey-a", out) + " " + motekey.write("motekey-a", bytes, 4) + " " +
        motekey.read("motekey-a", out) + " " + out.join());`;
    assert.equal(await start(script), "-1 true 4 1,2,3");
  });

  it("tells that a write failed when there is no room", async () => {
    const script = `
      var storage = require("Storage");
      storage.write("other", "x", 0, storage.getFree() - 64);
      tell("" + motekey.write("motekey-a", new Uint8Array(64), 64));`;
    assert.equal(await start(script), "false");
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
    const write = (name: string, text: string) =>
      `motekey.write("${name}", new Uint8Array(E.toArrayBuffer("${text}")), ${text.length});`;
    const [first, second] = secrets as [string, string];
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
      var out = new Uint8Array(64);
      tell(motekey.read("motekey-a", out) + " " + motekey.read("motekey-b", out));`;
    assert.equal(await reboot(compact), `${second.length} 7`);
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
      tell("" + motekey.writeCredential(motekey.espruinoPorts({}).store, { deviceId: "${ID}", psk: "${PSK}" }));`;
    const script = `
      var motekey = require("motekey");
      var ports = motekey.espruinoPorts({});
      var auth = motekey.createAuth({ cloud: { host: "127.0.0.1", port: ${cloud.port} } }, ports);
      auth.host("app.example.com").getToken(function(status) { tell("" + status); });`;
    espruino = await Espruino.start(program, provision, { motekey: await bundleEspruino() });
    assert.equal(Status[Number(await espruino.next())], "OK");
    for (let boots = 1; boots <= 3; boots++) {
      espruino = await espruino.reboot(script);
      assert.equal(Status[Number(await espruino.next())], "OK", `boot ${boots}`);
    }
  });
});
