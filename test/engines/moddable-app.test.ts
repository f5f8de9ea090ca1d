import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { startCloud } from "../../host-sim/cloud/index.js";
import { importsOf } from "../tidy/imports.js";
import { ROOT, readSource } from "../tidy/repository.js";
import { buildApp, findModdable, type ModdableApp, playApp } from "./moddable.js";

const EXAMPLE = "firmware/examples/moddable/token";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/** What an app adds by a manifest of its own, and where that begins. */
const PARTS: Readonly<Record<string, string[]>> = {
  tls: ["firmware/adapters/moddable/motekey-tls.ts", "firmware/adapters/moddable/tls/index.ts"],
  preference: ["firmware/adapters/moddable/preference-store.ts"],
  "key-value": ["firmware/adapters/moddable/key-value-store.ts"],
  cbor: ["firmware/cbor.ts"],
  mqtt5: ["firmware/mqtt5.ts"],
  websocket: ["firmware/websocket.ts"],
};

interface Manifest {
  readonly include?: string | string[];
  readonly modules: Record<string, string | string[]>;
}

const manifest = (path: string): Manifest => JSON.parse(readFileSync(ROOT + path, "utf8"));

/** The files of ours that a manifest's modules name, without the endings. */
function listed(path: string): string[] {
  const sources = Object.values(manifest(path).modules).flat();
  const files = sources.flatMap((source) => {
    const file = posix.join(posix.dirname(path), source);
    if (!file.endsWith("/*")) return file;
    return ts.sys
      .readDirectory(ROOT + file.slice(0, -2), [".ts"])
      .map((found) => found.slice(ROOT.length, -3));
  });
  return files.filter((file) => !file.endsWith(".d"));
}

/** Files and all that they import. */
function reached(paths: readonly string[], seen = new Set<string>()): Set<string> {
  for (const path of paths) {
    if (seen.has(path)) continue;
    seen.add(path);
    const targets = importsOf(readSource(path)).map(({ target }) => target);
    reached(
      targets.filter((target) => target.startsWith("firmware/")),
      seen,
    );
  }
  return seen;
}

describe("An app on Moddable", function () {
  this.timeout(600_000);

  it("compiles against Moddable's own types: the ports, the example, the test's app", async () => {
    const tsc = ["-p", `${ROOT}firmware/adapters/moddable`];
    await promisify(execFile)(`${ROOT}node_modules/.bin/tsc`, tsc).catch((error) =>
      assert.fail(error.stdout),
    );
  });

  const base = reached(["firmware/index.ts", "firmware/adapters/moddable/index.ts"]);

  it("finds in manifest.json all modules of the firmware, and no other", () => {
    const files = [...base, "firmware/adapters/moddable/motekey.ts"];
    assert.deepEqual(listed("manifest.json").sort(), files.map((file) => file.slice(0, -3)).sort());
  });

  for (const [name, entries] of Object.entries(PARTS)) {
    it(`finds in manifest_${name}.json what motekey/${name} needs beside those, and no other`, () => {
      const files = [...reached(entries)].filter((file) => !base.has(file));
      const named = listed(`firmware/adapters/moddable/manifest_${name}.json`);
      assert.deepEqual(named.sort(), files.map((file) => file.slice(0, -3)).sort());
    });

    it(`has the same of motekey/${name} from the package's manifest, but prebuilt`, () => {
      const [ours, shipped] = ["firmware/adapters/moddable/", "firmware/"].map((folder) =>
        manifest(`${folder}manifest_${name}.json`),
      );
      const source = (included: string | string[] | undefined) =>
        JSON.stringify(included)?.replace("../../", "./");
      assert.equal(source(shipped?.include), source(ours?.include));
      assert.deepEqual(shipped?.modules, { [`motekey/${name}`]: `./dist/moddable-${name}` });
    });
  }

  it("has the same from the package's manifest as from the repository's, but prebuilt", () => {
    assert.deepEqual(manifest("firmware/manifest.json").include, manifest("manifest.json").include);
  });

  it("made by mcconfig from the example reports with its token", async function () {
    const sdk = findModdable(this);
    const server = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    const cloud = await startCloud();
    const flash = await mkdtemp(join(tmpdir(), "motekey-moddable-"));
    let app: ModdableApp | undefined;
    try {
      await cloud.addDevice({ id: "device_123", psk: PSK });
      const { port } = server.address() as AddressInfo;
      const settings = { id: "device_123", psk: PSK, cloud: "127.0.0.1", port: cloud.port };
      const config = {
        ...settings,
        app: `http://127.0.0.1:${port}`,
        file: { root: `${flash}/` },
      };
      const example = { include: [`${ROOT}${EXAMPLE}/manifest.json`], config };
      const library = await buildApp(sdk, { name: "example", manifest: example, modules: {} });
      app = await playApp(sdk, library);
      const [request] = (await once(server, "request")) as IncomingMessage[];
      assert.equal(request?.url, "/report");
      const token = String(request?.headers.authorization).replace("Bearer ", "");
      const check = cloud.checkToken(token, "app.example.com");
      assert.ok(check.active && check.sub === "device_123");
    } finally {
      await app?.close();
      server.close();
      await cloud.close();
      await rm(flash, { recursive: true });
    }
  });
});
