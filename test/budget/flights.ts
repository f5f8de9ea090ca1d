import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type AuthOptions, createAuth, type Proof, Status } from "../../firmware/index.js";
import { startCloud } from "../../host-sim/cloud/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import type { Figure } from "./figures.js";

const DELAY_MS = 100;
/** A busy machine only adds time: the quickest counts, and one that reaches the aim is as quick as it gets. */
const ATTEMPTS = 20;
const PROOFS: Proof[] = ["counter+mac", "counter", "mac", "password", "password+key", "digest"];

/**
 * Round trips from an open connection to the first token, by the time that they take where each takes 200 ms. The
 * delays are the shortest that it can take, so what is left over is this machine's.
 */
export async function flightFigures(): Promise<Figure[]> {
  const cloud = await startCloud({ requireFrameProof: false });
  const proxy = await startProxy(cloud.port);
  const address = { host: "127.0.0.1", port: (proxy.address() as AddressInfo).port };
  try {
    const figures: Figure[] = [];
    for (const proof of PROOFS) {
      const aim = proof.includes("digest") ? 2 : 1;
      let value = Number.POSITIVE_INFINITY;
      for (let attempt = 0; attempt < ATTEMPTS && value > aim; attempt++) {
        const { id, psk } = await cloud.addDevice({ id: `device_${proof.replace("+", "_")}_${attempt}` });
        value = Math.min(
          value,
          await flights({ deviceId: id, cloud: address, credential: { psk, counter: 1 }, proof }),
        );
      }
      figures.push({
        name: `round trips to a cold token, ${proof}`,
        value,
        unit: "times",
        tolerance: 0,
        aim,
        note: `real cloud and TCP; a proxy holds all bytes for ${DELAY_MS} ms each way; the quickest of ${ATTEMPTS} at the most`,
      });
    }
    return figures;
  } finally {
    proxy.close();
    await cloud.close();
  }
}

async function flights(options: AuthOptions): Promise<number> {
  const auth = createAuth({ ...options, allowInsecure: true }, nodePorts());
  const startedMs = performance.now();
  try {
    const status = await new Promise<Status>((resolve) => {
      const asked = auth.host("app.example.com").getToken(resolve);
      if (asked !== Status.OK) resolve(asked);
    });
    if (status !== Status.OK) throw new Error(`${options.proof}: ${Status[status]} instead of a token`);
    return Math.floor((performance.now() - startedMs) / (2 * DELAY_MS));
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
