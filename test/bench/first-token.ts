import { createAuth, Status } from "../../firmware/index.js";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { MqttJsClient } from "./programs/clients.js";
import { SlowProxy } from "./proxy.js";
import { atMost, type Group, information } from "./row.js";
import { interleave, median } from "./samples.js";

const DELAY_MS = 50;
const APP = "app.example.com";

let devices = 0;

/** Each time another device: a cold one. */
const newDevice = (cloud: Cloud): Promise<{ id: string; psk: string }> =>
  cloud.addDevice({ id: `bench_${devices++}` });

async function firmwareMs(cloud: Cloud, port: number, proof: "counter+mac" | "password"): Promise<number> {
  const { id, psk } = await newDevice(cloud);
  const startedAt = performance.now();
  const auth = createAuth(
    {
      deviceId: id,
      cloud: { host: "127.0.0.1", port },
      credential: { psk, counter: 1 },
      proof,
      allowInsecure: true,
    },
    nodePorts(),
  );
  const status = await new Promise<Status>((resolve) => auth.host(APP).getToken(resolve));
  const ms = performance.now() - startedAt;
  auth.close();
  if (status !== Status.OK) throw new Error(`no token: ${Status[status]}`);
  return ms;
}

async function mqttJsMs(cloud: Cloud, port: number): Promise<number> {
  const { id, psk } = await newDevice(cloud);
  const startedAt = performance.now();
  const client = await new Promise<MqttJsClient>((resolve) => {
    const options = { password: psk, isNoDelay: false, isSubscribing: true };
    const made = new MqttJsClient(port, id, () => setImmediate(() => resolve(made)), options);
  });
  await new Promise<void>((resolve) => client.request(resolve));
  const ms = performance.now() - startedAt;
  client.close();
  return ms;
}

/** From nothing to a token through a proxy that adds 50 ms each way. TCP's own handshake is not delayed. */
export const firstToken: Group = {
  name: "first token",
  rows: async (quick) => {
    const cloud = await startCloud();
    const proxy = await SlowProxy.start(cloud.port, DELAY_MS);
    try {
      const { ours, password, peer } = await interleave(
        {
          ours: () => firmwareMs(cloud, proxy.port, "counter+mac"),
          password: () => firmwareMs(cloud, proxy.port, "password"),
          peer: () => mqttJsMs(cloud, proxy.port),
        },
        quick ? 1 : 9,
      );
      const trips = (times: readonly number[]): number => Math.round(Math.min(...times) / (2 * DELAY_MS));
      const rounded =
        "the quickest of each in units of 100 ms, rounded: a busy machine adds time, no round trips";
      const against = "MQTT.js: connect, await CONNACK, subscribe, await SUBACK, publish, await the answer";
      return [
        atMost(1, {
          name: "first token, round trips",
          ours: trips(ours),
          peer: trips(peer),
          unit: "after TCP",
          against: `${against}; ${rounded}`,
        }),
        information({
          name: "first token",
          ours: median(ours),
          peer: median(peer),
          unit: "ms",
          against: `${against}; 50 ms each way; ours with proof counter+mac`,
        }),
        information({
          name: "first token, password",
          ours: median(password),
          peer: median(peer),
          unit: "ms",
          against: `${against}; both with a password`,
        }),
      ];
    } finally {
      await proxy.close();
      await cloud.close();
    }
  },
};
