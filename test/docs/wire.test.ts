/** docs/wire.md: its vectors are what its definitions come to, and what the cloud takes and gives. */
import assert from "node:assert/strict";
import { Digest } from "../../host-sim/cloud/digest.js";
import { MacSession, openEnvelope, parseOpening } from "../../host-sim/cloud/mac-session.js";
import type { Entity } from "../../host-sim/cloud/types.js";
import { type Cloud, startCloud } from "../../host-sim/index.js";
import { Client } from "../cloud/client.js";
import { MacDevice } from "../cloud/mac.js";
import { RotationOracle } from "../proof/rotation-oracle.js";
import { SealOracle } from "../proof/seal-oracle.js";
import { blocksOf } from "./code-blocks.js";
import { wireVectors } from "./wire-vectors.js";

const vectors = wireVectors();
const { id, psk } = vectors;
const bytesOf = (text: string): Buffer<ArrayBuffer> => Buffer.from(text, "base64url");

describe("docs/wire.md", () => {
  let cloud: Cloud;

  before(async () => {
    cloud = await startCloud();
    await cloud.addDevice({ id, psk });
  });
  after(() => cloud.close());

  it("shows the vectors that its definitions come to", () => {
    const block = blocksOf("docs/wire.md").find(
      ({ heading, language }) => heading === "Vectors" && language === "json",
    );
    assert.deepEqual(JSON.parse(block?.text ?? ""), vectors);
  });

  it("the cloud lets in by the counter's password, once, and by that of who asks for a counter", async () => {
    const { password } = vectors.counter;
    const codes: number[] = [];
    for (const shown of [password, password]) {
      const client = await Client.open(cloud.mqttUrl, { id, username: id, password: shown });
      codes.push(client.returnCode);
      client.close();
    }
    const { user, password: asked } = vectors.recover;
    const recoverer = await Client.open(cloud.mqttUrl, { id: user, username: user, password: asked });
    codes.push(recoverer.returnCode);
    recoverer.close();
    assert.deepEqual(codes, [0, 4, 0]);
  });

  it("the cloud takes the request, and makes its reply and its seal", () => {
    const { request, reply, nonce, sealed, token, sessionKey } = vectors.mac;
    const envelope = openEnvelope(Buffer.from(request));
    const opening = parseOpening(
      (JSON.parse(Buffer.from(envelope.frame).toString()) as { sec: unknown }).sec,
    );
    assert.ok(opening !== null && opening.seals);
    const session = new MacSession(psk, opening);
    assert.equal(session.verifies(envelope), true);
    const [frame = ""] = reply.split("\n");
    assert.equal(String(session.seal(Buffer.from(frame), 0, false)), reply);
    const seals = new SealOracle(bytesOf(sessionKey));
    assert.equal(seals.open(sealed), token);
    assert.equal(seals.open(session.sealToken(token)), token);
    assert.equal(new MacDevice(psk, vectors.mac.counter, bytesOf(nonce)).open(reply).right, true);
  });

  it("the cloud takes the digest", async () => {
    const { username, realm, password, ...given } = vectors.digest;
    const digest = new Digest(realm, 60_000, () => 0);
    const auth = { realm, username, algorithm: "SHA-256", ...given };
    const peer = { nonce: () => ({ expiresAtMs: 1, count: 0 }), useNonce: () => true };
    assert.equal(await digest.fault(auth, { id: username, psk: password } as Entity, peer as never), null);
  });

  it("the rotation is the one that the cloud is tested with", () => {
    const { devicePrivateKey, cloudPrivateKey, x, next, answer, none, proof, proved } = vectors.rotation;
    const oracle = new RotationOracle(psk, id);
    assert.deepEqual(oracle.seal(next, bytesOf(x), bytesOf(cloudPrivateKey)), answer);
    assert.equal(oracle.open(answer, bytesOf(devicePrivateKey)), next);
    assert.equal(oracle.none(bytesOf(x)), none.mac);
    const after = new RotationOracle(next, id);
    assert.deepEqual(
      [after.proof("p", bytesOf(proof.n)), after.proof("a", bytesOf(proof.n))],
      [proof.mac, proved.mac],
    );
  });
});
