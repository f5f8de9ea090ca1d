import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createAuth, type Proof, Status } from "../../firmware/index.js";
import { startCloud } from "../../host-sim/cloud/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import type { Figure } from "./figures.js";

const DELAY_MS = 100;
const PROOFS: Proof[] = ["counter+mac", "counter", "mac", "password", "password+key", "digest"];

/** Round trips from an open connection to the first token, by the time that they take where each takes 200 ms. */
export async function flightFigures(): Promise<Figure[]> {
  const cloud = await startCloud();
  const proxy = await startProxy(cloud.port);
  try {
    const figures: Figure[] = [];
    for (const proof of PROOFS) {
      figures.push({
        name: `round trips to a cold token, ${proof}`,
        value: await flights(cloud, (proxy.address() as AddressInfo).port, proof),
        unit: "times",
        tolerance: 0,
        aim: proof.includes("digest") ? 2 : 1,
        note: `real cloud and TCP; a proxy holds all bytes for ${DELAY_MS} ms each way`,
      });
    }
    return figures;
  } finally {
    proxy.close();
    await cloud.close();
  }
}

async function flights(cloud: Awaited<ReturnType<typeof startCloud>>, port: number, proof: Proof) {
  const { id, psk } = await cloud.addDevice({ id: `device_${proof.replace("+", "_")}` });
  const options = { deviceId: id, cloud: { host: "127.0.0.1", port }, credential: { psk, counter: 1 } };
  const auth = createAuth({ ...options, proof, allowInsecure: true }, nodePorts());
  const startedMs = performance.now();
  try {
    const status = await new Promise<Status>((resolve) => {
      const asked = auth.host("app.example.com").getToken(resolve);
      if (asked !== Status.OK) resolve(asked);
    });
    if (status !== Status.OK) throw new Error(`${proof}: ${Status[status]} instead of a token`);
    return Math.round((performance.now() - startedMs) / (2 * DELAY_MS));
  } finally {
    auth.close();
  }
}

async function startProxy(port: number): Promise<Server> {
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port, noDelay: true });
    hold(near, far);
    hold(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function hold(from: Socket, to: Socket): void {
  from.on("data", (bytes) => setTimeout(() => to.write(bytes), DELAY_MS));
  from.on("close", () => setTimeout(() => to.destroy(), DELAY_MS));
  from.on("error", () => {}); // "close" follows
}
