import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { startCloud } from "../../host-sim/cloud/index.js";
import { importsOf } from "../tidy/imports.js";
import { ROOT, readSource } from "../tidy/repository.js";
import { buildApp, findModdable, type ModdableApp, playApp } from "./moddable.js";

const EXAMPLE = "firmware/examples/moddable/token";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

interface Manifest {
  readonly include: string[];
  readonly modules: Record<string, string | string[]>;
}

const manifest = (path: string): Manifest => JSON.parse(readFileSync(ROOT + path, "utf8"));

/** The files that a manifest's modules name, without the endings. */
function listed(path: string): string[] {
  const sources = Object.values(manifest(path).modules).flat();
  return sources.flatMap((source) =>
    source.endsWith("/*")
      ? ts.sys.readDirectory(ROOT + source.slice(2, -1), [".ts"]).map((file) => file.slice(ROOT.length, -3))
      : source.slice(2),
  );
}

/** A file and all that it imports. */
function reached(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { target } of importsOf(readSource(path))) {
    if (target.startsWith("firmware/")) reached(target, seen);
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

  it("finds in manifest.json all modules of the firmware, and no other", () => {
    const needed = [...reached("firmware/index.ts"), ...reached("firmware/adapters/moddable/index.ts")];
    const files = new Set(
      [...needed, "firmware/adapters/moddable/motekey.ts"].map((file) => file.slice(0, -3)),
    );
    assert.deepEqual(listed("manifest.json").sort(), [...files].sort());
  });

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
