/** What somebody sees who records the link between a device and the mock cloud. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { simulateDevice } from "../../host-sim/device.js";

const HOST = "app.example.com";

/** Passes everything on to the cloud's broker, and keeps it. */
async function startRecorder(cloud: Cloud, heard: Buffer[]): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(cloud.port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (bytes) => heard.push(bytes));
      from.on("error", () => {}); // "close" follows
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

describe("a token under a MAC, on plain TCP", () => {
  /** New and kept tokens of a device, and all that was heard meanwhile. */
  async function record(
    core: "xs" | "espruino",
    seal: boolean,
  ): Promise<{ tokens: string[]; heard: string }> {
    const cloud = await startCloud({ extensions: { seal } });
    const heard: Buffer[] = [];
    const recorder = await startRecorder(cloud, heard);
    const { port } = recorder.address() as AddressInfo;
    const credential = await cloud.addDevice({ id: "device_123" });
    const device = simulateDevice({ core, cloud: `mqtt://127.0.0.1:${port}`, ...credential });
    try {
      const tokens: string[] = [];
      for (let i = 0; i < 3; i++) tokens.push((await device.host(HOST).generateToken()).token);
      for (const token of tokens.slice(-1)) assert.equal(cloud.checkToken(token, HOST).active, true);
      assert.equal(device.explain().sealed, seal);
      return { tokens, heard: Buffer.concat(heard).toString("latin1") };
    } finally {
      device.close();
      recorder.close();
      await cloud.close();
    }
  }

  for (const core of ["xs", "espruino"] as const) {
    it(`is in no byte on the link, to the core ${core}`, async () => {
      const { tokens, heard } = await record(core, true);
      for (const token of tokens) for (const part of token.split(".")) assert.ok(!heard.includes(part), part);
      assert.equal(heard.split('"sealed":"').length, 4);
    });

    it(`can be read where the cloud seals none, by the core ${core}`, async () => {
      const { tokens, heard } = await record(core, false);
      for (const token of tokens) assert.ok(heard.includes(token));
    });
  }
});
