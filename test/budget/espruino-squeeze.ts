/** The least memory that a client on Espruino needs free for a round trip to a new token. */
import { bundleEspruino } from "../../build/espruino.mjs";
import type { Cloud } from "../../host-sim/cloud/index.js";
import { Espruino } from "../engines/espruino.js";

const ID = "device_squeeze";
/** Variables between which the least is looked for, and how exactly. */
const [FEW, MANY, STEP] = [50, 1600, 25];

/** The least number of free variables with which two round trips succeed, up to a step more. */
export async function leastFree(program: string, cloud: Cloud): Promise<number> {
  const { psk } = await cloud.addDevice({ id: ID });
  const motekey = await bundleEspruino();
  let [tooFew, enough] = [FEW, MANY];
  while (enough - tooFew > STEP) {
    const free = Math.round((tooFew + enough) / 2);
    if (await succeeds(program, motekey, { psk, port: cloud.port, free })) enough = free;
    else tooFew = free;
  }
  return enough;
}

async function succeeds(
  program: string,
  motekey: string,
  { psk, port, free }: { psk: string; port: number; free: number },
): Promise<boolean> {
  // The counter rises from try to try: each begins with empty flash.
  const script = `toStorage("motekey");
    var credential = { psk: "${psk}", counter: Math.round(getTime() * 10) }, ballast = [];
    var auth = require("motekey").createAuth(
      { deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${port} }, credential: credential },
      require("motekey").espruinoPorts({ psk: credential.psk }));
    var app = auth.host("app.example.com");
    function squeeze() { for (var left = process.memory().free - ${free}; left > 0; left--) ballast.push(0); }
    function again(told) { setTimeout(function() { app.generateToken(told); }, 20); }
    app.getToken(function() {
      setTimeout(function() {
        squeeze();
        again(function() { again(function(status) { tell("" + status); quit(); }); });
      }, 50);
    });`;
  const espruino = await Espruino.start(program, script, { motekey });
  try {
    return (await espruino.next()) === "0";
  } catch {
    return false; // out of memory
  } finally {
    await espruino.close();
  }
}
