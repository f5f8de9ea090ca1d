import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleModdable } from "../../build/moddable.mjs";
import { buildApp, buildDevice, findModdable, type ModdableApp, playApp } from "./moddable.js";

const HERE = fileURLToPath(new URL("moddable/", import.meta.url));
const STORAGE = "modules/io/storage/flash/storage-flash";
const PREFERENCE = "modules/files/preference";
/** What a record of a counter takes: RECORD.md. */
const OLD = "aa".repeat(22);
const NEW = "bb".repeat(22);
/** More than the SDK's storage writes for it: the old value's bytes are cleared, the new one and its names written. */
const WRITES = 120;

interface Read {
  length: number;
  hex: string;
}

/** An app whose stores are the SDK's for flash chips, over `moddable/flash.h`. */
async function buildFlash(sdk: string): Promise<string> {
  const source = (path: string): string => readFileSync(join(sdk, path), "utf8");
  // Of 8.2.3: xsmc.h forbids the name that this file uses once.
  const repaired = (path: string): string => source(path).replaceAll(" xsToUnsigned(", " xsmcToUnsigned(");
  const over = (path: string): string => `#include "${HERE}flash.h"\n${repaired(path)}`;
  const manifest = {
    include: [
      "$(MODDABLE)/examples/manifest_base.json",
      "$(MODDABLE)/modules/io/manifest.json",
      "$(MODDABLE)/modules/network/net/manifest.json",
    ],
    modules: { "*": ["./main", "./preference"], "embedded:storage/key-value": "./storage" },
  };
  const modules = {
    "main.js": await bundleModdable(`${HERE}flash.ts`),
    "storage.js": source(`${STORAGE}.js`),
    "storage.c": over(`${STORAGE}.c`),
    "preference.js": source(`${PREFERENCE}/preference.js`),
    "preference.c": over(`${PREFERENCE}/esp/modPreference.c`),
    "modPreference.h": source(`${PREFERENCE}/modPreference.h`),
  };
  return buildApp(sdk, { name: "flash", manifest, modules });
}

describe("A store on Moddable", function () {
  this.timeout(1_800_000); // two builds of the SDK's
  let sdk: string;
  let device: string;
  let flash: string;
  let folder: string;
  let app: ModdableApp | undefined;

  before(async function () {
    sdk = findModdable(this);
    device = await buildDevice(sdk);
    flash = await buildFlash(sdk);
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "motekey-moddable-"));
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  /** Ends the process, and starts another over the same flash. */
  async function reboot(library: string, writes?: number): Promise<ModdableApp> {
    await app?.close();
    const cut = writes === undefined ? {} : { FLASH_WRITES: String(writes) };
    app = await playApp(sdk, library, folder, { FLASH: join(folder, "flash"), ...cut });
    return app;
  }

  const write = (store: string, name: string, hex: string) =>
    (app as ModdableApp).ask({ do: "write", store, name, hex });
  const read = (store: string, name: string, room = 22) =>
    (app as ModdableApp).ask({ do: "read", store, name, room }) as Promise<Read>;

  for (const [store, where, library] of [
    ["preference", "the desktop's preferences", () => device],
    ["preference", "the preferences of flash chips", () => flash],
    ["key-value", "the key-value storage of flash chips", () => flash],
  ] as const) {
    describe(`over ${where}`, () => {
      beforeEach(() => reboot(library()));

      it("has nothing of a name that was never written", async () => {
        assert.deepEqual(await read(store, "motekey-ctra", 2), { length: -1, hex: "0000" });
      });

      it("keeps a value over a reboot, as long as it was given", async () => {
        assert.equal(await write(store, "motekey-ctra", OLD), true);
        assert.equal(await write(store, "motekey-ctrb", "0102"), true);
        await reboot(library());
        assert.deepEqual(await read(store, "motekey-ctra"), { length: 22, hex: OLD });
        assert.deepEqual(await read(store, "motekey-ctrb", 3), { length: 2, hex: "010200" });
      });

      it("replaces a value, by a shorter one too", async () => {
        await write(store, "motekey-ctra", OLD);
        assert.equal(await write(store, "motekey-ctra", "03"), true);
        await reboot(library());
        assert.deepEqual(await read(store, "motekey-ctra", 2), { length: 1, hex: "0300" });
      });

      it("reads as much of a value as fits, and tells how long it is", async () => {
        await write(store, "motekey-ctra", OLD);
        assert.deepEqual(await read(store, "motekey-ctra", 3), { length: 22, hex: "aaaaaa" });
      });
    });
  }

  for (const store of ["preference", "key-value"]) {
    it(`${store} on flash chips: a value too long for them is refused, and the old one is left`, async () => {
      await reboot(flash);
      await write(store, "motekey-ctra", OLD);
      assert.equal(await write(store, "motekey-ctra", "cc".repeat(64)), false);
      assert.deepEqual(await read(store, "motekey-ctra"), { length: 22, hex: OLD });
    });

    it(`${store} on flash chips: power cut after any byte harms no value but the one being written`, async () => {
      for (let writes = 0; writes < WRITES; writes += 7) {
        await rm(join(folder, "flash"), { force: true });
        await reboot(flash);
        await write(store, "motekey-ctra", OLD);
        await write(store, "motekey-ctrb", OLD);
        await reboot(flash, writes);
        await write(store, "motekey-ctrb", NEW).catch(() => {}); // the process ends at the cut
        await reboot(flash);
        assert.deepEqual(await read(store, "motekey-ctra"), { length: 22, hex: OLD }, `${writes} bytes`);
      }
    });
  }
});
