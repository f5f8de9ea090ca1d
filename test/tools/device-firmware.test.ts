/** What is written is what the firmware reads: its own Moddable store over an image, up to a token from the cloud. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { createAuth, readCredential, Status, type Store } from "../../firmware/index.js";
import { type Cloud, startCloud } from "../../host-sim/index.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import type { NvsType } from "../../tools/nvs/format.js";
import { Partition } from "../../tools/nvs/partition.js";
import { blobValue, numberOf, stringValue, textOf } from "../../tools/nvs/value.js";
import { good } from "./acme.js";
import { World } from "./world.js";

const STORE = fileURLToPath(new URL("../../firmware/adapters/moddable/preference-store.ts", import.meta.url));

/**
 * The SDK's `preference` over a partition, as its ESP32 code has it: u8 is a boolean, i32 a number, a string a string, a
 * blob an ArrayBuffer, and all else is not there.
 */
class Preference {
  constructor(private readonly partition: Partition) {}

  get(domain: string, key: string): boolean | number | string | ArrayBuffer | undefined {
    const value = this.partition.get(domain, key);
    if (value === null) return undefined;
    const kinds: Partial<Record<NvsType, () => boolean | number | string | ArrayBuffer>> = {
      u8: () => value.data[0] !== 0,
      i32: () => Number(numberOf(value)),
      string: () => textOf(value),
      blob: () => Uint8Array.from(value.data).buffer,
    };
    return kinds[value.type]?.();
  }

  set(domain: string, key: string, value: ArrayBuffer): void {
    this.partition.delete(domain, key);
    this.partition.set(domain, key, blobValue(Buffer.from(new Uint8Array(value))));
  }
}

/** The firmware's PreferenceStore, with that in place of the SDK's module. */
async function storeOver(partition: Partition, folder: string): Promise<Store> {
  const { outputFiles } = await build({
    entryPoints: [STORE],
    bundle: true,
    write: false,
    format: "esm",
    banner: { js: "export const shim = {};" },
    plugins: [
      {
        name: "preference",
        setup(builder) {
          builder.onResolve({ filter: /^preference$/ }, () => ({ path: "preference", namespace: "shim" }));
          builder.onLoad({ filter: /.*/, namespace: "shim" }, () => ({ contents: "export default shim;" }));
        },
      },
    ],
  });
  const file = join(folder, `store-${Math.random()}.mjs`);
  writeFileSync(file, outputFiles[0]?.text ?? "");
  const { PreferenceStore, shim } = await import(pathToFileURL(file).href);
  const preference = new Preference(partition);
  shim.get = preference.get.bind(preference);
  shim.set = preference.set.bind(preference);
  return new PreferenceStore();
}

describe("the firmware, from an image that was made here", () => {
  let world: World;
  let cloud: Cloud;
  let psk: string;
  before(async () => {
    cloud = await startCloud();
  });
  after(() => cloud.close());
  beforeEach(async () => {
    world = new World();
    ({ psk } = await cloud.addDevice({ id: "device_1", counter: 1217 }));
    writeFileSync(join(world.folder, "psk"), psk, { mode: 0o600 });
  });
  afterEach(() => world.end());

  const made = async (more = ""): Promise<Partition> => {
    good(await world.line(`device image --id device_1 --psk-file psk --out nvs.bin --force ${more}`));
    return Partition.read(readFileSync(join(world.folder, "nvs.bin")));
  };

  /** Boots from the partition, and asks for a token; its status, with the refusals of the cloud before it. */
  async function boot(partition: Partition): Promise<{ status: Status; store: Store }> {
    const store = await storeOver(partition, world.folder);
    const ports = { ...nodePorts(), store };
    const auth = createAuth({ cloud: { host: "127.0.0.1", port: cloud.port } }, ports);
    try {
      const status = await new Promise<Status>((resolve) =>
        auth.host("app.example.com").getToken((told, token) => {
          if (token !== null) {
            const text = Buffer.from(token.bytes.subarray(0, token.length)).toString();
            const check = cloud.checkToken(text, "app.example.com");
            assert.equal(check.active && check.sub, "device_1");
          }
          resolve(told);
        }),
      );
      return { status, store };
    } finally {
      auth.close();
    }
  }

  it("gets a token at its first connection: its counter begins above the cloud's", async () => {
    const before = { ...cloud.stats.connectsRefused, ...cloud.stats.recoveries };
    const { status } = await boot(await made("--counter 1217"));
    assert.equal(status, Status.OK);
    assert.deepEqual({ ...cloud.stats.connectsRefused, ...cloud.stats.recoveries }, before);
  });

  for (const lost of ["motekey-creda", "motekey-credb", "motekey-ctra", "motekey-ctrb"]) {
    it(`gets it without ${lost}: the other slot holds the same`, async () => {
      const partition = await made("--counter 1217");
      assert.equal(partition.delete("motekey", lost), true);
      assert.equal((await boot(partition)).status, Status.OK);
    });
  }

  it("reads the new credential where an older one had a higher generation, and the app's keys as before", async () => {
    const before = await made("--counter 1217");
    before.set("app", "name", stringValue("thermometer"));
    const store = await storeOver(before, world.folder);
    const { writeCredential } = await import("../../firmware/index.js");
    for (let i = 0; i < 5; i++) writeCredential(store, { deviceId: "device_0", psk: `old ${i}` });
    writeFileSync(join(world.folder, "read.bin"), before.toBytes());
    const after = await made("--merge read.bin --counter 1217");
    const { credential } = readCredential(await storeOver(after, world.folder));
    assert.equal(credential?.deviceId, "device_1");
    assert.equal((await boot(after)).status, Status.OK);
    assert.equal(textOf(after.get("app", "name") ?? assert.fail()), "thermometer");
  });

  it("a string in place of the blob is read as absent", async () => {
    const partition = await made();
    for (const key of ["motekey-creda", "motekey-credb"]) partition.set("motekey", key, stringValue("x"));
    assert.equal(readCredential(await storeOver(partition, world.folder)).status, Status.CREDENTIAL_MISSING);
  });
});
