/** What Espruino's own core takes there: variables, stack, and time beside Espruino's MQTT module in the same run. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { transform } from "esbuild";
import { bundleLean } from "../../build/lean.mjs";
import type { Cloud } from "../../host-sim/cloud/index.js";
import { Espruino } from "../engines/espruino.js";

const ID = "device_lean";
const PEER_ID = "device_peer";
/** Of each kind; the fastest tenth is told: the machine has other work. */
const TIMED_ROUNDS = 200;

/** What a client takes, in variables of the engine. */
export interface LeanMemory {
  readonly variableBytes: number;
  readonly code: number;
  readonly client: number;
  /** The most that was in use at any callback of a round trip, above the empty engine. */
  readonly peak: number;
  /** Variables that the engine has, and had free then. */
  readonly total: number;
  readonly left: number;
  /** What the later half of the round trips kept. */
  readonly retained: number;
  /** Bytes of stack at the deepest; undefined: this build does not count them. */
  readonly stack: number | undefined;
}

/** Measures `rounds` round trips with `counter+mac`, run from Storage. */
export async function measureLean(program: string, cloud: Cloud, rounds: number): Promise<LeanMemory> {
  const { psk } = await cloud.addDevice({ id: ID });
  const motekey = await bundleLean();
  const script = `toStorage("motekey");
    var credential = { psk: "${psk}", counter: Math.round(getTime() * 10) }, u = [0, 0, 0, 0, 1e9, 1e9], rounds = 0;
    var memory = process.memory(), stack = 0;
    u[0] = memory.usage;
    var motekey = require("motekey");
    u[1] = process.memory().usage;
    var auth = motekey.createAuth(
      { deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${cloud.port} }, credential: credential });
    var app = auth.host("app.example.com");
    u[2] = process.memory().usage;
    function told(status) {
      if (status !== 0) throw new Error("status " + status);
      var memory = process.memory(false);
      u[3] = Math.max(u[3], memory.usage);
      stack = Math.max(stack, memory.stackHigh);
      setTimeout(next, 1);
    }
    function next() {
      var half = rounds < ${rounds} / 2 ? 4 : 5;
      if (rounds > 2 && rounds % 10 === 0) u[half] = Math.min(u[half], process.memory().usage);
      if (++rounds <= ${rounds}) return app.generateToken(told);
      tell(u.join(" ") + " " + memory.blocksize + " " + memory.total + " " + (stack || 0));
      quit();
    }
    app.getToken(told);`;
  const espruino = await Espruino.start(program, script, { motekey });
  try {
    const told = (await espruino.next()).split(" ").map(Number);
    const [empty, loaded, made, peak, early, late, variableBytes, total, stack] = told;
    return {
      variableBytes,
      code: loaded - empty,
      client: made - loaded,
      peak: peak - empty,
      total,
      left: total - peak,
      retained: late - early,
      stack: stack > 0 ? stack : undefined,
    };
  } finally {
    await espruino.close();
  }
}

/** The core with its timers and its network watched: the engine's own names cannot be taken over. */
const watchedModule = (source: string): string => {
  const text = source.replace('require("net")', "watchedNet");
  if (text === source) throw new Error("the bundle asks for no network");
  return `var setTimeout=watchedTimer;${text}`;
};

/** Espruino's MQTT module is no part of the engine: `MQTT.js` of its documentation is looked for beside it. */
const peerModule = (program: string): string => join(dirname(program), "MQTT.js");

/** Microseconds that the engine is busy with a round trip. */
export interface LeanTimes {
  readonly oursUs: number;
  readonly peerUs: number;
}

/**
 * Ours and the MQTT module's with JSON and a password, in turns in one run: the time in the callbacks that the engine
 * calls. From memory, since on a computer the engine's flash is a file. Undefined: there is no such module.
 */
export async function leanTimes(
  program: string,
  cloud: Cloud,
  proof: string,
  host: string,
): Promise<LeanTimes | undefined> {
  if (!existsSync(peerModule(program))) return undefined;
  const { psk } = await cloud.addDevice({ id: ID });
  const peer = await cloud.addDevice({ id: PEER_ID });
  // A build whose variables grow does so for variables, not for the pieces in a row that SHA-256 wants.
  const script = `
    var busy = 0, ours = [], peers = [], i;
    for (i = 0; i < 6000; i++) peers.push(0.5);
    peers = [];
    function watched(run) {
      return function(a) { var since = getTime(); run(a); busy += getTime() - since; };
    }
    function watchedTimer(run, delay) { return setTimeout(watched(run), delay); }
    var watchedNet = { connect: function(to, connected) {
      var socket = require("net").connect(to, watched(connected)), on = socket.on;
      socket.on = function(event, run) {
        socket["_" + event] = run;
        on.call(socket, event, event === "data"
          ? function(a) { var since = getTime(); this._data(a); busy += getTime() - since; }
          : event === "drain"
          ? function() { var since = getTime(); this._drain(); busy += getTime() - since; }
          : run);
      };
      return socket;
    } };
    Modules.addCached("motekey", require("fs").readFileSync("motekey.js"));
    Modules.addCached("MQTT", require("fs").readFileSync("MQTT.js"));
    var auth = require("motekey").createAuth({ deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${cloud.port} },
      credential: { psk: "${psk}", counter: Math.round(getTime() * 10) }, proof: "${proof}", allowInsecure: true });
    var app = auth.host("${host}");
    function told(status) {
      if (status !== 0) throw new Error("status " + status);
      setTimeout(function() { ours.push(busy); askPeer(); }, 20);
    }
    function ask() {
      busy = 0;
      var since = getTime();
      app.generateToken(told);
      busy += getTime() - since;
    }
    var id = 0, mqtt = require("MQTT").create("127.0.0.1", {
      port: ${cloud.port}, client_id: "${PEER_ID}", username: "${PEER_ID}", password: "${peer.psk}" });
    function askPeer() {
      busy = 0;
      var since = getTime();
      var frame = { v: 2, src: "${PEER_ID}", id: ++id, method: "/v1/Auth.GenerateToken", args: { host: "${host}" } };
      mqtt.publish("cloud/from/${PEER_ID}/rpc", JSON.stringify(frame), { qos: 1 });
      busy += getTime() - since;
    }
    function answered(topic, message) {
      var frame = JSON.parse(message);
      if (frame.id !== id || !frame.result.token) throw new Error(message);
      setTimeout(function() {
        peers.push(busy);
        if (peers.length <= ${TIMED_ROUNDS}) return ask();
        var tenth = [ours, peers].map(function(times) {
          times.sort(function(a, b) { return a - b; });
          return Math.round(times[${TIMED_ROUNDS / 10}] * 1e6);
        });
        tell(tenth.join(" "));
        quit();
      }, 20);
    }
    mqtt.on("connected", function() {
      mqtt.client.removeAllListeners("data");
      mqtt.client.on("data", watched(function(data) { mqtt.packetHandler(data); }));
      mqtt.on("subscribed", function() { app.getToken(told); });
      mqtt.on("message", answered);
      mqtt.subscribe("${PEER_ID}/rpc/#", { qos: 1 });
    });
    mqtt.connect();`;
  const files = {
    "motekey.js": watchedModule(await bundleLean()),
    // As Espruino's own tools send it to a board.
    "MQTT.js": (await transform(readFileSync(peerModule(program), "utf8"), { minify: true })).code,
  };
  const espruino = await Espruino.start(program, script, files);
  try {
    const [oursUs, peerUs] = (await espruino.next()).split(" ").map(Number);
    return { oursUs, peerUs };
  } finally {
    await espruino.close();
  }
}
