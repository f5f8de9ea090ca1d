import { bundleEspruino } from "../../build/espruino.mjs";
import type { Cloud } from "../../host-sim/cloud/index.js";
import { Espruino } from "./espruino.js";

/** What the firmware takes of an Espruino, in its variables. */
export interface EspruinoMemory {
  /** Bytes of one variable: 14 on ESP32. */
  variableBytes: number;
  /** The module, run from Storage, where its text stays in flash. */
  code: number;
  /** A client at default limits, its ports and one host. */
  client: number;
  /** All of it after the last round trip. */
  inUse: number;
  /** What {@link ROUNDS} round trips kept. */
  retained: number;
}

/** Round trips before and after the two looks at the memory. */
export const ROUNDS = 20;

/** Measures a client that gets new tokens, one after the other. @param program the interpreter */
export async function measureEspruino(program: string, cloud: Cloud): Promise<EspruinoMemory> {
  const { psk } = await cloud.addDevice({ id: "device_1" });
  const motekey = await bundleEspruino();
  const script = `toStorage("motekey");
    var credential = { psk: "${psk}", counter: 1 }, usage = [0, 0, 0, 1e9, 1e9], rounds = 0;
    usage[0] = process.memory().usage;
    var motekey = require("motekey");
    usage[1] = process.memory().usage;
    var auth = motekey.createAuth(
      { deviceId: "device_1", cloud: { host: "127.0.0.1", port: ${cloud.port} }, credential: credential },
      motekey.espruinoPorts({ psk: credential.psk }));
    var app = auth.host("app.example.com");
    usage[2] = process.memory().usage;
    function told(status) {
      if (status !== 0) throw new Error("status " + status);
      setTimeout(next, 20);
    }
    // A timer or a packet may be under way: what the quietest moments of each half hold is compared. The first
    // refresh of a token still gives fields a first value.
    function next() {
      var half = rounds < ${ROUNDS} ? 3 : 4;
      if (rounds > 0) usage[half] = Math.min(usage[half], process.memory().usage);
      rounds++;
      if (rounds <= 2 * ${ROUNDS}) return app.generateToken(told);
      tell(usage.join(" ") + " " + process.memory().blocksize);
      quit();
    }
    app.getToken(told);`;
  const espruino = await Espruino.start(program, script, { motekey });
  try {
    const [empty, loaded, made, early, late, variableBytes] = (await espruino.next()).split(" ").map(Number);
    return {
      variableBytes,
      code: loaded - empty,
      client: made - loaded,
      inUse: late - empty,
      retained: late - early,
    };
  } finally {
    await espruino.close();
  }
}
