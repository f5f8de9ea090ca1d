/** `simulateDevice({ seal })`: what a device keeps lies sealed in its directory. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { obfuscated, Strength } from "../../firmware/seal.js";
import { type Cloud, type DeviceSeal, simulateDevice, startCloud } from "../../host-sim/index.js";

const HOST = "app.example.com";
const SEALED: DeviceSeal = { key: { strength: Strength.SEALED, secret: new Uint8Array(32).fill(7) } };

describe("a simulated device with a seal", () => {
  let cloud: Cloud;
  let store: string;
  let device: { id: string; psk: string };
  beforeEach(async () => {
    cloud = await startCloud();
    store = mkdtempSync(join(tmpdir(), "motekey-sealed-"));
    device = await cloud.addDevice({ id: "device_123" });
  });
  afterEach(async () => {
    rmSync(store, { recursive: true, force: true });
    await cloud.close();
  });

  const held = (): string =>
    readdirSync(store)
      .map((name) => readFileSync(join(store, name), "latin1"))
      .join("\n");

  /** A life: its token, what explain() says of its records, and what lies in flash afterwards. */
  async function life(
    seal?: DeviceSeal,
    sleptMs?: number,
  ): Promise<{ token: string; atRest: string | null }> {
    const own = simulateDevice({
      ...{ cloud, ...device, store },
      ...(seal === undefined ? {} : { seal }),
      ...(sleptMs === undefined ? {} : { sleptMs }),
    });
    try {
      const { token } = await own.host(HOST).getToken();
      return { token, atRest: own.explain().atRest };
    } finally {
      own.close();
    }
  }

  it("puts its token to sleep sealed, wakes with it, and explain() says what protects it", async () => {
    const first = await life(SEALED);
    assert.equal(first.atRest, "sealed");
    for (const part of first.token.split(".")) assert.ok(!held().includes(part), part);
    const asked = cloud.stats.requests["/v1/Auth.GenerateToken"];
    assert.deepEqual(await life(SEALED, 0), first);
    assert.equal(cloud.stats.requests["/v1/Auth.GenerateToken"], asked);
    assert.equal(cloud.stats.requests["/v1/Auth.GetToken"], undefined);
  });

  it("is obfuscated with a build's secret, and without a seal the token lies there as it is", async () => {
    const key = obfuscated("a build's secret", new Uint8Array(6));
    assert.equal((await life({ key })).atRest, "obfuscated");
    const plain = await life();
    assert.equal(plain.atRest, "unsealed");
    assert.ok(held().includes(plain.token));
  });

  it("another device's secret opens nothing: it asks anew", async () => {
    await life(SEALED);
    const other = { key: { strength: Strength.SEALED, secret: new Uint8Array(32).fill(8) } };
    assert.equal((await life(other, 0)).atRest, "sealed");
    assert.equal(
      (cloud.stats.requests["/v1/Auth.GetToken"] ?? 0) +
        (cloud.stats.requests["/v1/Auth.GenerateToken"] ?? 0),
      2,
    );
  });

  it("is refused without a store, on Espruino's core, and with a key that is none", () => {
    const start = (more: object) => () => simulateDevice({ cloud, ...device, ...more } as never).close();
    assert.throws(start({ seal: SEALED }), /seal is for what a store keeps: give store too/);
    assert.throws(start({ seal: SEALED, store, core: "espruino" }), /Espruino seals by a file of its own/);
    assert.throws(start({ seal: {}, store }), /seal\.key/);
    const short = { key: { strength: Strength.SEALED, secret: new Uint8Array(31) } };
    assert.throws(start({ seal: short, store }), /secret of 32 bytes/);
  });
});
