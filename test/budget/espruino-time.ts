/**
 * How long Espruino itself is busy with a round trip to a new token: the time inside our callbacks, or inside
 * those of Espruino's own MQTT module with JSON, against the same cloud. What happens in between is the network's.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundleEspruino } from "../../build/espruino.mjs";
import type { Proof } from "../../firmware/index.js";
import type { Cloud } from "../../host-sim/cloud/index.js";
import { Espruino, type Files } from "../engines/espruino.js";

const ID = "device_time";
const HOST = "app.example.com";
/** The fastest tenth of so many is told: the machine has other work. */
const ROUNDS = 200;

/** Sums the time of what it wraps, and keeps one sum for each round trip. */
const WATCH = `
  var busy = 0, times = [];
  function watched(object, name) {
    var run = object[name];
    return function(a, b, c) {
      var since = getTime();
      run.call(object, a, b, c);
      busy += getTime() - since;
    };
  }
  function ended() {
    times.push(busy);
    busy = 0;
    if (times.length <= ${ROUNDS}) return true;
    times.sort(function(a, b) { return a - b; });
    tell("" + Math.round(times[${ROUNDS / 10}] * 1e6));
    quit();
  }`;

/** Espruino's MQTT module is no part of the engine: `MQTT.js` of its documentation is looked for beside it. */
const peerModule = (program: string): string => join(dirname(program), "MQTT.js");

/** Microseconds of a round trip with this proof. */
export async function roundTripUs(program: string, cloud: Cloud, proof: Proof): Promise<number> {
  const { psk } = await cloud.addDevice({ id: ID });
  const script = `${WATCH}
    Modules.addCached("motekey", require("fs").readFileSync("motekey.js"));
    var credential = { psk: "${psk}" }, ports = require("motekey").espruinoPorts({ psk: credential.psk });
    var link = ports.link, open = link.open, clock = ports.clock, wakeAfter = clock.wakeAfter;
    link.open = function(address, events) {
      open.call(link, address, {
        opened: watched(events, "opened"), received: watched(events, "received"),
        writable: watched(events, "writable"), closed: watched(events, "closed") });
    };
    clock.wakeAfter = function(delay, waker) { wakeAfter.call(clock, delay, { turn: watched(waker, "turn") }); };
    var auth = require("motekey").createAuth({
      deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${cloud.port} }, credential: credential,
      proof: "${proof}", allowInsecure: true }, ports);
    var app = auth.host("${HOST}"), ask = watched({ run: function() { app.generateToken(told); } }, "run");
    function told(status) {
      if (status !== 0) throw new Error("status " + status);
      setTimeout(function() { if (ended()) ask(); }, 1);
    }
    app.getToken(told);`;
  return run(program, script, { "motekey.js": await bundleEspruino() });
}

/** The same with Espruino's MQTT module and JSON, and a password as the proof; undefined: the module is not there. */
export async function peerRoundTripUs(program: string, cloud: Cloud): Promise<number | undefined> {
  if (!existsSync(peerModule(program))) return undefined;
  const { psk } = await cloud.addDevice({ id: ID });
  const script = `${WATCH}
    Modules.addCached("MQTT", require("fs").readFileSync("MQTT.js"));
    var id = 0, mqtt = require("MQTT").create("127.0.0.1", {
      port: ${cloud.port}, client_id: "${ID}", username: "${ID}", password: "${psk}" });
    var ask = watched({ run: function() {
      var frame = { v: 2, src: "${ID}", id: ++id, method: "/v1/Auth.GenerateToken", args: { host: "${HOST}" } };
      mqtt.publish("cloud/from/${ID}/rpc", JSON.stringify(frame), { qos: 1 });
    } }, "run");
    var answer = watched({ run: function(topic, message) {
      var frame = JSON.parse(message);
      if (frame.id !== id || !frame.result.token) throw new Error(message);
      setTimeout(function() { if (ended()) ask(); }, 1);
    } }, "run");
    mqtt.on("connected", function() {
      mqtt.client.removeAllListeners("data");
      mqtt.client.on("data", watched(mqtt, "packetHandler"));
      mqtt.on("subscribed", ask);
      mqtt.on("message", answer);
      mqtt.subscribe("${ID}/rpc/#", { qos: 1 });
    });
    mqtt.connect();`;
  return run(program, script, { "MQTT.js": readFileSync(peerModule(program)) });
}

async function run(program: string, script: string, files: Files): Promise<number> {
  const espruino = await Espruino.start(program, script, files);
  try {
    return Number(await espruino.next());
  } finally {
    await espruino.close();
  }
}
