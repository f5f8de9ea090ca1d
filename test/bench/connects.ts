import { besideResponder, inTurns } from "./program.js";
import type { ConnectsName, ConnectsTask } from "./programs/connects.js";
import { type Group, information, timesBetter } from "./row.js";
import { median } from "./samples.js";

/** Connections a second, 100 on their way at once. */
export const connects: Group = {
  name: "connects",
  rows: async (quick) => {
    const samples = await besideResponder((port) => {
      const of = (name: ConnectsName): ConnectsTask => ({
        port,
        name,
        count: quick ? 200 : 1_000,
        concurrency: 100,
      });
      const tasks: Record<ConnectsName, ConnectsTask> = {
        firmware: of("firmware"),
        mqttJs: of("mqttJs"),
        mqttJsBare: of("mqttJsBare"),
        raw: of("raw"),
      };
      return inTurns("connects", tasks, quick ? 1 : 5, ["--expose-gc"]);
    });
    const beside = (peer: ConnectsName) => ({
      ours: median(samples.firmware),
      peer: median(samples[peer]),
      unit: "per s",
      isMoreBetter: true,
    });
    return [
      timesBetter(2, {
        name: "connects",
        ...beside("mqttJs"),
        against: "MQTT.js; both end with the acknowledged subscription, proof password",
        tried:
          "CONNECT, SUBSCRIBE and Hello in one write, no closure per listener; most of the time is Node's own socket and connect(2), as the row of the raw socket shows",
      }),
      information({
        name: "connects, MQTT.js bare",
        ...beside("mqttJsBare"),
        against: "MQTT.js that ends with CONNACK and does not subscribe",
      }),
      information({
        name: "connects, raw",
        ...beside("raw"),
        against: "a net socket that writes CONNECT and SUBSCRIBE as prepared bytes",
      }),
    ];
  },
};
