import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { bundleEspruino } from "../../build/espruino.mjs";
import { type Cloud, type CloudEvent, startCloud } from "../../host-sim/cloud/index.js";
import { Espruino, findEspruino } from "./espruino.js";

const EXAMPLE = new URL("../../firmware/examples/espruino/token.js", import.meta.url);
const ID = "device_123";

/** What a computer lacks of an ESP32, and what was put into Storage when the device was set up. */
const BOARD = `
  E.getTemperature = function() { return 21.5; };
  Modules.addCached("Wifi", "exports.connect = function(ssid, options, told) { setTimeout(told, 1, null); };" +
    "exports.disconnect = function() {}; exports.setSNTP = function() {};");
  toStorage("motekey");
  toStorage("device.json");
`;

/** An app's server: it lets in whoever has a good token of the device for it. */
class App {
  private readonly server: Server;
  private readonly waiting: ((token: string) => void)[] = [];
  refusals = 0;

  constructor(private readonly cloud: Cloud) {
    this.server = createServer((request, response) => {
      request.resume();
      request.once("end", () => this.answer(request, response));
    });
  }

  async start(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return (this.server.address() as AddressInfo).port;
  }

  /** The token of the next reading that was let in. */
  reading(): Promise<string> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }

  close(): void {
    this.server.close();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const token = (request.headers.authorization ?? "").replace("Bearer ", "");
    const check = this.cloud.checkToken(token, "localhost");
    const isGood = check.active && check.sub === ID && this.refusals === 0;
    if (this.refusals > 0) this.refusals--;
    response.writeHead(isGood ? 200 : 401).end();
    if (isGood) this.waiting.shift()?.(token);
  }
}

describe("the example for Espruino", function () {
  this.timeout(60_000);
  let program: string;
  let cloud: Cloud;
  let app: App;
  let espruino: Espruino | undefined;
  let events: CloudEvent[];

  before(function () {
    program = findEspruino(this);
  });

  beforeEach(async () => {
    events = [];
    cloud = await startCloud({ log: (event) => events.push(event) });
    app = new App(cloud);
  });

  afterEach(async () => {
    await espruino?.close();
    app.close();
    await cloud.close();
  });

  async function start(): Promise<void> {
    const { psk } = await cloud.addDevice({ id: ID });
    const device = {
      id: ID,
      psk,
      ssid: "home",
      password: "secret",
      periodMs: 20,
      cloud: { host: "127.0.0.1", port: cloud.port },
      app: { host: "localhost", port: await app.start() },
    };
    const stored = { motekey: await bundleEspruino(), "device.json": JSON.stringify(device) };
    const script = BOARD + (await readFile(EXAMPLE, "utf8"));
    espruino = await Espruino.start(program, script, stored);
  }

  const generated = () =>
    events.filter((event) => event.event === "request" && event.method === "/v1/Auth.GenerateToken").length;

  it("posts readings with one token, asleep in between", async () => {
    const readings = [app.reading(), app.reading(), app.reading()];
    await start();
    const [first, ...others] = await Promise.all(readings);
    assert.deepEqual(others, [first, first]);
    assert.equal(generated(), 1);
    assert.ok(events.filter(({ event }) => event === "disconnected").length >= 2);
  });

  it("fetches a new token when the app refuses one, once", async () => {
    app.refusals = 1;
    const reading = app.reading();
    await start();
    await reading;
    assert.equal(generated(), 2);
  });
});
