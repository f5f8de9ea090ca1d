/** Opens many connections as fast as it goes; each is open when it is subscribed. */
import { type Client, CONNECT } from "./clients.js";
import { sampling, task } from "./task.js";

/** Who takes part; `mqttJsBare` is MQTT.js that does not even subscribe. */
export type ConnectsName = "firmware" | "mqttJs" | "mqttJsBare" | "raw";

/** One kind of client. A sample is connections a second, over so many of them. */
export interface ConnectsTask {
  readonly port: number;
  readonly name: ConnectsName;
  readonly count: number;
  readonly concurrency: number;
}

const { port, name, count, concurrency } = await task<ConnectsTask>();

async function connectsPerSecond(): Promise<number> {
  const clients: Client[] = [];
  globalThis.gc?.();
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    let ready = 0;
    const next = (): void => {
      if (clients.length < count) clients.push(CONNECT[name](port, `bench_${clients.length}`, onReady));
    };
    const onReady = (): void => {
      ready++;
      if (ready === count) resolve();
      else next();
    };
    for (let i = 0; i < concurrency; i++) next();
  });
  const ms = performance.now() - startedAt;
  for (const client of clients) client.close();
  // The far end sees them close before the next round begins.
  await new Promise((resolve) => setTimeout(resolve, 200));
  return (count / ms) * 1000;
}

sampling(connectsPerSecond);
