/** Opens many connections as fast as it goes; each is open when it is subscribed. */
import { interleave, type Samples } from "../samples.js";
import { type Client, CONNECT, type Connect } from "./clients.js";
import { answer, task } from "./task.js";

/** Who takes part; `mqttJsBare` is MQTT.js that does not even subscribe. */
export type ConnectsName = "firmware" | "mqttJs" | "mqttJsBare" | "raw";

/** What is measured: connections a second. */
export interface ConnectsTask {
  readonly port: number;
  readonly rounds: number;
  readonly count: number;
  readonly concurrency: number;
}

/** Connections a second of each round. */
export type ConnectsAnswer = Samples<ConnectsName>;

const { port, rounds, count, concurrency } = await task<ConnectsTask>();

async function connectsPerSecond(connect: Connect): Promise<number> {
  const clients: Client[] = [];
  globalThis.gc?.();
  const startedAt = performance.now();
  await new Promise<void>((resolve) => {
    let ready = 0;
    const next = (): void => {
      if (clients.length < count) clients.push(connect(port, `bench_${clients.length}`, onReady));
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

const said: ConnectsAnswer = await interleave(
  {
    firmware: () => connectsPerSecond(CONNECT.firmware),
    mqttJs: () => connectsPerSecond(CONNECT.mqttJs),
    mqttJsBare: () => connectsPerSecond(CONNECT.mqttJsBare),
    raw: () => connectsPerSecond(CONNECT.raw),
  },
  rounds,
);
answer(said);
