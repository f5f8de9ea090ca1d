/** What Espruino's own core takes there: variables, time beside Espruino's MQTT module, and whether it keeps any. */
import { bundleLean } from "../../build/lean.mjs";
import type { Cloud } from "../../host-sim/cloud/index.js";
import { Espruino } from "../engines/espruino.js";

const ID = "device_lean";
/** Goals of the issue; the 32-bit figure is the one that counts on boards. */
const ROUNDS = 200;

/** What a client takes, in variables of the engine. */
export interface LeanMemory {
  readonly variableBytes: number;
  readonly code: number;
  readonly client: number;
  /** The most that was in use at any callback of a round trip, above the empty engine. */
  readonly peak: number;
  /** What the later half of the round trips kept. */
  readonly retained: number;
}

/** Measures `rounds` round trips with `counter+mac`. */
export async function measureLean(program: string, cloud: Cloud, rounds: number): Promise<LeanMemory> {
  const { psk } = await cloud.addDevice({ id: ID });
  const motekey = await bundleLean();
  const script = `toStorage("motekey");
    var credential = { psk: "${psk}", counter: Math.round(getTime() * 10) }, u = [0, 0, 0, 0, 1e9, 1e9], rounds = 0;
    u[0] = process.memory().usage;
    var motekey = require("motekey");
    u[1] = process.memory().usage;
    var auth = motekey.createAuth(
      { deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${cloud.port} }, credential: credential });
    var app = auth.host("app.example.com");
    u[2] = process.memory().usage;
    function told(status) {
      if (status !== 0) throw new Error("status " + status);
      u[3] = Math.max(u[3], process.memory(false).usage);
      setTimeout(next, 1);
    }
    function next() {
      var half = rounds < ${rounds} / 2 ? 4 : 5;
      if (rounds > 2 && rounds % 10 === 0) u[half] = Math.min(u[half], process.memory().usage);
      if (++rounds <= ${rounds}) return app.generateToken(told);
      tell(u.join(" ") + " " + process.memory().blocksize);
      quit();
    }
    app.getToken(told);`;
  const espruino = await Espruino.start(program, script, { motekey });
  try {
    const [empty, loaded, made, peak, early, late, variableBytes] = (await espruino.next())
      .split(" ")
      .map(Number);
    return {
      variableBytes,
      code: loaded - empty,
      client: made - loaded,
      peak: peak - empty,
      retained: late - early,
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

/** Microseconds that the engine is busy with one round trip with this proof and host: the fastest tenth. */
export async function leanRoundTripUs(
  program: string,
  cloud: Cloud,
  proof: string,
  host: string,
): Promise<number> {
  const { psk } = await cloud.addDevice({ id: ID });
  // The time in the callbacks that the engine calls, as for the other core and for the peer.
  const script = `
    var busy = 0, times = [];
    function watched(run) {
      return function(a) { var since = getTime(); run(a); busy += getTime() - since; };
    }
    function watchedTimer(run, delay) { return setTimeout(watched(run), delay); }
    var watchedNet = { connect: function(to, connected) {
      var socket = require("net").connect(to, watched(connected));
      return {
        on: function(event, run) { socket.on(event, watched(run)); },
        write: function(data) { return socket.write(data); },
        end: function() { socket.end(); }
      };
    } };
    Modules.addCached("motekey", require("fs").readFileSync("motekey.js"));
    var auth = require("motekey").createAuth({ deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${cloud.port} },
      credential: { psk: "${psk}", counter: Math.round(getTime() * 10) }, proof: "${proof}", allowInsecure: true });
    var app = auth.host("${host}");
    function told(status) {
      if (status !== 0) throw new Error("status " + status);
      setTimeout(next, 1);
    }
    function next() {
      times.push(busy);
      busy = 0;
      if (times.length > ${ROUNDS}) {
        times.sort(function(a, b) { return a - b; });
        tell("" + Math.round(times[${ROUNDS / 10}] * 1e6));
        return quit();
      }
      var since = getTime();
      app.generateToken(told);
      busy += getTime() - since;
    }
    app.getToken(told);`;
  const espruino = await Espruino.start(program, script, { "motekey.js": watchedModule(await bundleLean()) });
  try {
    return Number(await espruino.next());
  } finally {
    await espruino.close();
  }
}
