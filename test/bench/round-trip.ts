import { besideResponder, inTurns } from "./program.js";
import type { RoundTripName, RoundTripTask } from "./programs/round-trip.js";
import { type Group, information, withinTimes } from "./row.js";
import { median } from "./samples.js";

/** QoS 1 requests back to back on one connection: GenerateToken again and again, p50. */
export const roundTrip: Group = {
  name: "round trip",
  rows: async (quick) => {
    const samples = await besideResponder((port) => {
      const trips = quick ? 20 : 2_000;
      const tasks: Record<RoundTripName, RoundTripTask> = {
        firmware: { port, name: "firmware", trips },
        raw: { port, name: "raw", trips },
        mqttJsNoDelay: { port, name: "mqttJsNoDelay", trips },
        // With its defaults a trip takes 40 ms.
        mqttJs: { port, name: "mqttJs", trips: quick ? 2 : 10 },
      };
      return inTurns("round-trip", tasks, quick ? 1 : 15);
    });
    const beside = (peer: RoundTripName) => ({
      ours: median(samples.firmware),
      peer: median(samples[peer]),
      unit: "µs",
    });
    return [
      withinTimes(1.5, {
        name: "round trip, QoS 1",
        ...beside("raw"),
        against:
          "a net socket that writes the same packets as prepared bytes and reads nothing of the answer; each client alone in its process, in turns",
        tried:
          "the app is told before anything is written, so that its next request leaves in one write with the acknowledgement",
      }),
      information({
        name: "round trip, QoS 1, MQTT.js",
        ...beside("mqttJs"),
        against: "MQTT.js with its defaults, JSON.stringify and JSON.parse",
      }),
      information({
        name: "round trip, QoS 1, MQTT.js noDelay",
        ...beside("mqttJsNoDelay"),
        against: "MQTT.js with setNoDelay, JSON.stringify and JSON.parse",
      }),
    ];
  },
};
