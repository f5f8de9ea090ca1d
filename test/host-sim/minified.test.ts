/** The one minified file that the package ships is the firmware, shortened names and all. */
import assert from "node:assert/strict";
import { bundleMinified } from "../../build/minified.mjs";
import type * as Explain from "../../firmware/explain.js";
import type * as firmware from "../../firmware/index.js";
import * as source from "../../firmware/index.js";
import { type Cloud, nodePorts, startCloud } from "../../host-sim/index.js";
import { PLAIN_PROOFS } from "../proofs.js";

describe("the minified file", () => {
  let minified: typeof firmware;
  let cloud: Cloud;

  before(async () => {
    const text = await bundleMinified();
    minified = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
    cloud = await startCloud({ requireFrameProof: false });
  });

  after(() => cloud.close());

  it("exports what the source exports", () => {
    assert.deepEqual(Object.keys(minified).sort(), Object.keys(source).sort());
  });

  it("has a sibling with every module, whose explain() reads the client beside it", async () => {
    const text = await bundleMinified({ isWhole: true });
    const whole: typeof firmware & typeof Explain & { mqtt5: unknown } = await import(
      `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`
    );
    const options = {
      deviceId: "device_123",
      cloud: { host: "127.0.0.1", port: 1 },
      credential: { psk: "not the key", counter: 1 },
    };
    const auth = whole.createAuth(options, nodePorts());
    assert.equal(whole.explain(auth).cloud, "127.0.0.1:1");
    assert.ok(whole.mqtt5);
    auth.close();
    assert.equal(whole.explain(auth).name, "CLOSED");
  });

  it("has every name and every number of the source's enums", () => {
    assert.deepEqual(minified.Status, source.Status);
    assert.deepEqual(minified.State, source.State);
    assert.deepEqual(minified.LinkSecurity, source.LinkSecurity);
  });

  for (const proof of PLAIN_PROOFS) {
    it(`gets a token with ${proof}`, async () => {
      const { id, psk } = await cloud.addDevice({ id: "device_123" });
      const auth = minified.createAuth(
        {
          deviceId: id,
          cloud: { host: "127.0.0.1", port: cloud.port },
          credential: { psk, counter: 1 },
          proof,
          allowInsecure: true,
        },
        nodePorts(),
      );
      const token = await new Promise<string>((resolve) => {
        auth.host("app.example.com").getToken((status, view) => {
          resolve(
            view === null
              ? minified.Status[status]
              : Buffer.from(view.bytes).toString("latin1", 0, view.length),
          );
        });
      });
      auth.close();
      assert.equal(cloud.checkToken(token, "app.example.com").active, true, token);
    });
  }
});
