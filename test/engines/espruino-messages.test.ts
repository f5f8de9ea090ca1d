import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { connectAsync } from "mqtt";
import { bundleLean, MESSAGES_ENTRY } from "../../build/lean.mjs";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { Espruino, findEspruino } from "./espruino.js";

const EXAMPLE = new URL("../../firmware/examples/espruino/messages.js", import.meta.url);
const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

describe("the example of messages for Espruino", () => {
  let program: string;
  let cloud: Cloud;
  let espruino: Espruino | undefined;

  before(function () {
    program = findEspruino(this);
  });

  beforeEach(async () => {
    cloud = await startCloud();
  });

  afterEach(async () => {
    await espruino?.close();
    await cloud.close();
  });

  it("answers a command and reports, on the connection that it has for its tokens", async () => {
    await cloud.addDevice({ id: ID, psk: PSK });
    const subscribed = cloud.next("subscribed", ({ topics }) => topics.includes(`app/${ID}/command`), 30_000);
    const setup = { id: ID, psk: PSK, periodMs: 600_000, cloud: { host: "127.0.0.1", port: cloud.port } };
    const prelude = `
      toStorage("motekey");
      toStorage("motekey-messages");
      toStorage("setup.json");
      Modules.addCached("TelnetServer", "exports.setOptions = function() {};");
      E.getTemperature = function() { return 21.5; };
    `;
    espruino = await Espruino.start(program, prelude + (await readFile(EXAMPLE, "utf8")), {
      motekey: await bundleLean(),
      "motekey-messages": await bundleLean({ entry: MESSAGES_ENTRY }),
      "setup.json": JSON.stringify(setup),
    });
    await subscribed;
    const { psk } = await cloud.addDevice({ id: "backend_1", role: "backend" });
    const backend = await connectAsync(cloud.mqttUrl, {
      clientId: "backend_1",
      username: "backend_1",
      password: psk,
    });
    try {
      const heard = new Promise((resolve) =>
        backend.once("message", (topic, payload) => resolve([topic, String(payload)])),
      );
      await backend.subscribeAsync(`app/${ID}/temperature`, { qos: 1 });
      await backend.publishAsync(`app/${ID}/command`, "report", { qos: 1 });
      assert.deepEqual(await heard, [`app/${ID}/temperature`, "21.5"]);
    } finally {
      await backend.endAsync(true);
    }
  });
});
