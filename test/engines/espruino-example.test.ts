import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { bundleLean } from "../../build/lean.mjs";
import { type Cloud, type CloudEvent, startCloud } from "../../host-sim/cloud/index.js";
import { Espruino, findEspruino } from "./espruino.js";

const EXAMPLE = new URL("../../firmware/examples/espruino/token.js", import.meta.url);
const ID = "device_123";

const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/** Why a board booted: ESP32's numbers. */
enum Cause {
  POWER = 0,
  TIMER = 4,
}

/** What a computer lacks of an ESP32. */
const board = (cause: Cause): string => `
  E.getTemperature = function() { return 21.5; };
  Modules.addCached("Wifi", "exports.connect = function(ssid, options, told) { setTimeout(told, 1, null); };" +
    "exports.disconnect = function() {}; exports.setSNTP = function() {};");
  var ESP32 = {
    getWakeupCause: function() { return ${cause}; },
    deepSleep: function(us) { tell("asleep for " + us); }
  };
`;

/** What is put into Storage when the device is set up. */
const SET_UP = `
  toStorage("motekey");
  toStorage("setup.json");
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

describe("the example for Espruino", () => {
  let program: string;
  let example: string;
  let cloud: Cloud;
  let app: App;
  let espruino: Espruino | undefined;
  let events: CloudEvent[];

  before(async function () {
    program = findEspruino(this);
    example = await readFile(EXAMPLE, "utf8");
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

  /** Sets a device up and boots it. */
  async function start(): Promise<void> {
    await cloud.addDevice({ id: ID, psk: PSK });
    const setup = {
      id: ID,
      psk: PSK,
      ssid: "home",
      password: "secret",
      periodMs: 600_000,
      cloud: { host: "127.0.0.1", port: cloud.port },
      app: { host: "localhost", port: await app.start() },
    };
    espruino = await Espruino.start(program, SET_UP + board(Cause.POWER) + example, {
      motekey: await bundleLean(),
      "setup.json": JSON.stringify(setup),
    });
  }

  /** Waits until it sleeps deeply, which leaves nothing in memory, and boots it. */
  async function wake(cause: Cause): Promise<void> {
    const asleep = espruino as Espruino;
    assert.equal(await asleep.next(), "asleep for 600000000");
    espruino = await asleep.reboot(board(cause) + example);
  }

  /** What was asked of the Auth service, in order. */
  const requests = () =>
    events.flatMap((event) =>
      event.event === "request" ? (/Auth\.(.*)/.exec(event.method)?.[1] ?? []) : [],
    );
  const connections = () => events.filter(({ event }) => event === "connected").length;

  it("posts readings with one token, which it keeps over deep sleep and needs no connection for", async () => {
    const readings = [app.reading(), app.reading(), app.reading()];
    await start();
    await wake(Cause.TIMER);
    await wake(Cause.TIMER);
    const [first, ...others] = await Promise.all(readings);
    assert.deepEqual(others, [first, first]);
    assert.deepEqual(requests(), ["GenerateToken"]);
    assert.equal(connections(), 1);
  });

  it("asks the cloud for its token after a power cut, since nobody knows how long it was off", async () => {
    const readings = [app.reading(), app.reading()];
    await start();
    await wake(Cause.POWER);
    const [first, second] = await Promise.all(readings);
    assert.equal(second, first);
    assert.deepEqual(requests(), ["GenerateToken", "GetToken"]);
  });

  it("fetches a new token when the app refuses one, once", async () => {
    app.refusals = 1;
    const reading = app.reading();
    await start();
    await reading;
    assert.deepEqual(requests(), ["GenerateToken", "GenerateToken"]);
  });

  it("leaves the key in flash in both of its records, and nowhere else", async () => {
    await start();
    await wake(Cause.TIMER);
    const flash = (await (espruino as Espruino).flash()).toString("latin1");
    assert.equal(flash.split(PSK).length, 1 + 2);
  });
});
