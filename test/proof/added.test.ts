/**
 * A connect proof is added with one file of its own and its place in the table of all proofs: this does it, and has the
 * result get tokens through a broker.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type * as Firmware from "../../firmware/index.js";
import { type AuthClient, createAuth, type PolicyError, type Proof, Status } from "../../firmware/index.js";
import { startCloud } from "../../host-sim/cloud/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { findMosquitto, type Mosquitto, startMosquitto } from "../servers/mosquitto.js";

const FIRMWARE = join(import.meta.dirname, "../../firmware");
const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const HOST = "app.example.com";

/** All that changes in the firmware beside the new file: three places of one. */
const EDITS: readonly [file: string, place: string, edited: string][] = [
  [
    "proof/proofs.ts",
    'import { digest } from "./challenge.js";',
    'import { derived } from "./derived.js";\nimport { digest } from "./challenge.js";',
  ],
  ["proof/proofs.ts", '"auth5+mac",\n', '"auth5+mac",\n  "derived",\n  "derived+mac",\n'],
  ["proof/proofs.ts", "[counter, password, link, auth5", "[derived, counter, password, link, auth5"],
];
const ADDED = "proof/derived.ts";

/** The firmware with the proof. */
async function firmwareWithIt(): Promise<typeof Firmware> {
  const { outputFiles } = await build({
    entryPoints: [join(FIRMWARE, "index.ts")],
    bundle: true,
    write: false,
    format: "esm",
    plugins: [
      {
        name: "added",
        setup({ onLoad, onResolve }) {
          onResolve({ filter: /^\.\/derived\.js$/ }, () => ({
            path: join(import.meta.dirname, "derived.ts"),
          }));
          onLoad({ filter: /firmware\/.*\.ts$/ }, async ({ path }) => {
            let contents = await readFile(path, "utf8");
            for (const [file, place, edited] of EDITS) {
              if (path !== join(FIRMWARE, file)) continue;
              assert.equal(contents.split(place).length, 2, `${file} has ${place} once`);
              contents = contents.replace(place, edited);
            }
            return { contents, loader: "ts" };
          });
        },
      },
    ],
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? []).toString("base64")}`
  );
}

const DERIVED = "derived" as Proof;

describe("a connect proof that is added", () => {
  let firmware: typeof Firmware;
  let broker: Mosquitto;

  before(async function () {
    const password = createHmac("sha256", DEVICE.psk).update(DEVICE.id).digest("base64url");
    broker = await startMosquitto(findMosquitto(this), [{ id: DEVICE.id, password }]);
    firmware = await firmwareWithIt();
  });

  after(() => broker?.close());

  const connect = (proof: Proof, psk = DEVICE.psk, allowInsecure = true): AuthClient =>
    firmware.createAuth(
      {
        deviceId: DEVICE.id,
        cloud: { host: "127.0.0.1", port: broker.port },
        credential: { psk, counter: 1 },
        proof,
        allowInsecure,
      },
      nodePorts(),
    );
  const tokenOf = (auth: AuthClient): Promise<Status> =>
    new Promise((resolve) => auth.host(HOST).generateToken(resolve));

  it("takes three files at the most", () => {
    assert.ok(new Set([ADDED, ...EDITS.map(([file]) => file)]).size <= 3);
  });

  for (const [proof, topicsBound] of [
    [DERIVED, true],
    ["derived+mac" as Proof, false],
  ] as const)
    it(`gets a token through mosquitto (${proof})`, async () => {
      const cloud = await startCloud({ broker: broker.cloudUrl, topicsBound });
      await cloud.addDevice(DEVICE);
      const auth = connect(proof);
      try {
        assert.equal(Status[await tokenOf(auth)], "OK");
      } finally {
        auth.close();
        await cloud.close();
      }
    });

  it("with another key is refused by the broker", async () => {
    const auth = connect(DERIVED, "not the key");
    try {
      assert.equal(Status[await tokenOf(auth)], "NOT_AUTHORIZED");
    } finally {
      auth.close();
    }
  });

  it("is judged by its strength, and offered by its name", () => {
    const refused = (error: PolicyError): boolean => error.status === Status.PROOF_EXPOSED;
    assert.throws(() => connect(DERIVED, DEVICE.psk, false), refused);
    assert.ok(firmware.PROOFS.includes(DERIVED));
  });

  it("is none without that", () => {
    const options = { deviceId: DEVICE.id, cloud: { host: "127.0.0.1" }, credential: { psk: DEVICE.psk } };
    assert.throws(() => createAuth({ ...options, proof: DERIVED }, nodePorts()), /proof/);
  });
});
