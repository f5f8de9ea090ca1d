/** Requests back to back on one connection, each sent when the answer to the one before was read. */
import { median } from "../samples.js";
import { type Client, CONNECT } from "./clients.js";
import { sampling, task } from "./task.js";

/** Who takes part. */
export type RoundTripName = "firmware" | "raw" | "mqttJs" | "mqttJsNoDelay";

/** One client. A sample is the median of so many trips, microseconds from request to answer. */
export interface RoundTripTask {
  readonly port: number;
  readonly name: RoundTripName;
  readonly trips: number;
}

const { port, name, trips } = await task<RoundTripTask>();

const client = await new Promise<Client>((resolve) => {
  const made = CONNECT[name](port, `bench_${name}`, () => setImmediate(() => resolve(made)));
});

sampling(
  () =>
    new Promise((resolve) => {
      const times: number[] = [];
      let sentAt = performance.now();
      const onDone = (): void => {
        const now = performance.now();
        times.push((now - sentAt) * 1000);
        if (times.length === trips) {
          resolve(median(times));
          return;
        }
        sentAt = now;
        client.request(onDone);
      };
      client.request(onDone);
    }),
);
