/** Requests back to back on one connection, each sent when the answer to the one before was read. */
import { interleave, median, type Samples } from "../samples.js";
import { type Client, CONNECT, type Connect } from "./clients.js";
import { answer, task } from "./task.js";

/** Who takes part. */
export type RoundTripName = "firmware" | "raw" | "mqttJs" | "mqttJsNoDelay";

/** What is measured: microseconds from request to answer. */
export interface RoundTripTask {
  readonly port: number;
  readonly rounds: number;
  readonly trips: number;
  /** Of MQTT.js with its defaults, whose trips take 40 ms. */
  readonly slowTrips: number;
}

/** The median of each round. */
export type RoundTripAnswer = Samples<RoundTripName>;

const { port, rounds, trips, slowTrips } = await task<RoundTripTask>();

function connected(connect: Connect, id: string): Promise<Client> {
  return new Promise((resolve) => {
    const client = connect(port, id, () => setImmediate(() => resolve(client)));
  });
}

async function sampler(name: RoundTripName, count: number): Promise<() => Promise<number>> {
  const client = await connected(CONNECT[name], `bench_${name}`);
  return () =>
    new Promise((resolve) => {
      const times: number[] = [];
      let sentAt = performance.now();
      const onDone = (): void => {
        const now = performance.now();
        times.push((now - sentAt) * 1000);
        if (times.length === count) {
          resolve(median(times));
          return;
        }
        sentAt = now;
        client.request(onDone);
      };
      client.request(onDone);
    });
}

const said: RoundTripAnswer = await interleave(
  {
    firmware: await sampler("firmware", trips),
    raw: await sampler("raw", trips),
    mqttJsNoDelay: await sampler("mqttJsNoDelay", trips),
    mqttJs: await sampler("mqttJs", slowTrips),
  },
  rounds,
);
answer(said);
