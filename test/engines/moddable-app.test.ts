import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { connectAsync } from "mqtt";
import ts from "typescript";
import { REPLACED_NATIVE } from "../../build/moddable.mjs";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import { type Cloud, type CloudEvent, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { importsOf } from "../tidy/imports.js";
import { ROOT, readSource } from "../tidy/repository.js";
import { buildApp, configureApp, findModdable, playApp } from "./moddable.js";

const EXAMPLE = "firmware/examples/moddable/token";
const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/** What an app adds by a manifest of its own, and where that begins. */
const PARTS: Readonly<Record<string, string[]>> = {
  tls: ["firmware/adapters/moddable/motekey-tls.ts", "firmware/adapters/moddable/tls/index.ts"],
  preference: ["firmware/adapters/moddable/preference-store.ts"],
  "key-value": ["firmware/adapters/moddable/key-value-store.ts"],
  cbor: ["firmware/cbor.ts"],
  explain: ["firmware/explain.ts"],
  trace: ["firmware/trace.ts"],
  messages: ["firmware/messages.ts"],
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
  this.timeout(1_800_000); // mcconfig runs the TypeScript compiler once for each of eighty files

  it("compiles against Moddable's own types: the ports, the example, the test's app", async () => {
    const tsc = ["-p", `${ROOT}firmware/adapters/moddable`];
    await promisify(execFile)(`${ROOT}node_modules/.bin/tsc`, tsc).catch((error) =>
      assert.fail(error.stdout),
    );
  });

  const base = reached(["firmware/index.ts", "firmware/adapters/moddable/index.ts"]);

  it("finds in manifest.json all modules of the firmware, and no other", () => {
    const files = [...base, "firmware/adapters/moddable/motekey.ts"].map((file) => file.slice(0, -3));
    const { modules } = manifest("manifest.json");
    const expected = files.map((file) =>
      file === "firmware/wire/run" ? posix.normalize(modules["motekey/wire/run"] as string) : file,
    );
    assert.deepEqual(listed("manifest.json").sort(), expected.sort());
    assert.ok(expected.includes("firmware/adapters/moddable/run"), "the engine's own file");
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

  it("has from manifest_native.json each form with C in the place of what it replaces, and the C", () => {
    const ours = "firmware/adapters/moddable/";
    const { "~": left, "*": added, ...modules } = manifest(`${ours}manifest_native.json`).modules;
    const before = manifest("manifest.json").modules;
    const shared = Object.keys(REPLACED_NATIVE);
    const natives = shared.map((name) => [
      `motekey/${name}`,
      `./${posix.relative(ours, `firmware/${REPLACED_NATIVE[name]}`).replace(/\.ts$/, "")}`,
    ]);
    assert.deepEqual(modules, Object.fromEntries(natives));
    const replaced = shared.map((name) => before[`motekey/${name}`] ?? `./firmware/${name}`);
    assert.deepEqual(
      [left]
        .flat()
        .map((path) => `./${posix.join(ours, path as string)}`)
        .sort(),
      replaced.sort(),
    );
    assert.equal(posix.join(ours, added as string), "firmware/native/motekey-native");
    assert.deepEqual(manifest("firmware/manifest_native.json").modules, {
      "~": "./dist/moddable",
      motekey: "./dist/moddable-native",
      "*": "./native/motekey-native",
    });
  });

  it("has from manifest_efuse.json the chip's key and its C, on ESP32 alone", () => {
    const { platforms } = manifest("firmware/manifest_efuse.json") as unknown as {
      platforms: Record<string, { modules?: Record<string, string>; error?: string }>;
    };
    assert.deepEqual(platforms.esp32?.modules, {
      "motekey/efuse": "./dist/moddable-efuse",
      "*": "./native/motekey-efuse",
    });
    assert.ok(existsSync(`${ROOT}firmware/native/motekey-efuse.c`));
    assert.match(platforms["..."]?.error ?? "", /ESP32 family only/);
  });

  it("is brought by the URL of its git repository, manifest by manifest", async function () {
    const sdk = findModdable(this);
    if (!existsSync(`${ROOT}.git`)) this.skip(); // an archive of the sources
    const folder = await mkdtemp(join(tmpdir(), "motekey-moddable-"));
    try {
      const bare = join(folder, "motekey.git");
      await promisify(execFile)("git", ["clone", "--quiet", "--bare", ROOT, bare]);
      const git = pathToFileURL(bare).href;
      const include = [
        "$(MODDABLE)/examples/manifest_base.json",
        { git },
        { git, manifest: "firmware/adapters/moddable/manifest_preference.json" },
      ];
      const app = {
        name: "git",
        manifest: { include, modules: { "*": "./main" } },
        modules: { "main.js": "" },
      };
      const makefile = await configureApp(sdk, app);
      for (const file of ["firmware/index.ts", "firmware/adapters/moddable/preference-store.ts"])
        assert.ok(makefile.includes(join("repos", folder, "motekey", file)), file);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  describe("made by mcconfig from the example", () => {
    let sdk: string;
    let flash: string;
    let cloud: Cloud;
    let events: CloudEvent[];
    let server: Server;
    before(function () {
      sdk = findModdable(this);
    });
    beforeEach(async () => {
      flash = await mkdtemp(join(tmpdir(), "motekey-moddable-"));
      events = [];
    });
    afterEach(async () => {
      server?.close();
      await cloud?.close();
      if (flash !== undefined) await rm(flash, { recursive: true });
    });

    /** Takes a report whole, tells of it, and says 200. */
    function answer(request: IncomingMessage, response: ServerResponse): void {
      let body = "";
      request.on("data", (bytes) => {
        body += bytes;
      });
      request.on("end", () => {
        response.end();
        server.emit("report", request, body);
      });
    }

    async function startCloudWith(options: CloudOptions): Promise<void> {
      cloud = await startCloud({ ...options, log: (event) => events.push(event) });
      await cloud.addDevice({ id: ID, psk: PSK });
    }

    /** What the device is told at the desk. */
    async function settings(): Promise<Record<string, unknown>> {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      return { id: ID, psk: PSK, cloud: "127.0.0.1", app: `127.0.0.1:${port}` };
    }

    /** Builds the example and plays it until it has reported; returns its token. */
    async function report(
      given: Record<string, unknown>,
      more: object = {},
      manifests: readonly string[] = [],
    ): Promise<string> {
      const include = [`${ROOT}${EXAMPLE}/manifest.json`, ...manifests];
      const config = { ...given, file: { root: `${flash}/` } };
      const library = await buildApp(sdk, {
        name: manifests.length === 0 ? "example" : "example-native",
        manifest: { include, config, ...more },
        modules: {},
      });
      const app = await playApp(sdk, library, flash);
      try {
        const [request, body] = (await once(server, "report")) as [IncomingMessage, string];
        assert.deepEqual([request.method, request.url], ["POST", "/report"]);
        assert.ok(Math.abs(JSON.parse(body).atMs - Date.now()) < 60_000);
        const token = String(request.headers.authorization).replace("Bearer ", "");
        const check = cloud.checkToken(token, "127.0.0.1");
        assert.ok(check.active && check.sub === ID);
        return token;
      } finally {
        await app.close();
      }
    }

    const asked = () => events.flatMap((event) => (event.event === "request" ? [event.method] : []));

    it("it reports with a token; after a reset it knows itself from flash, and has the same token", async () => {
      server = createServer(answer);
      await startCloudWith({});
      const first = await report({ ...(await settings()), port: cloud.port });
      assert.ok(asked().includes("/v1/Auth.GenerateToken"));
      events.splice(0);
      assert.equal(await report({ port: cloud.port }), first);
      assert.deepEqual(
        asked().filter((method) => method !== "/v1/Hello"),
        ["/v1/Auth.GetToken"],
      );
    });

    it("with the C in the place of TypeScript it reports, too", async () => {
      server = createServer(answer);
      await startCloudWith({});
      const native = `${ROOT}firmware/adapters/moddable/manifest_native.json`;
      await report({ ...(await settings()), port: cloud.port }, {}, [native]);
      assert.ok(asked().includes("/v1/Auth.GenerateToken"));
    });

    it("it asks for another token when its app refuses one", async () => {
      const answers = [401, 200];
      const tokens: unknown[] = [];
      server = createServer((request, response) => {
        tokens.push(request.headers.authorization);
        response.statusCode = answers.shift() ?? 200;
        response.end();
        if (tokens.length === 2) server.emit("second");
      });
      await startCloudWith({});
      const second = once(server, "second");
      const given = { ...(await settings()), port: cloud.port };
      const include = [`${ROOT}${EXAMPLE}/manifest.json`];
      const config = { ...given, file: { root: `${flash}/` } };
      const library = await buildApp(sdk, { name: "example", manifest: { include, config }, modules: {} });
      const app = await playApp(sdk, library, flash);
      await second;
      await app.close();
      assert.notEqual(tokens[0], tokens[1]);
    });

    it("another answers a command and reports, on the connection that it has for its tokens", async () => {
      await startCloudWith({});
      const config = { id: ID, psk: PSK, cloud: "127.0.0.1", port: cloud.port, file: { root: `${flash}/` } };
      const include = [`${ROOT}firmware/examples/moddable/messages/manifest.json`];
      const library = await buildApp(sdk, { name: "messages", manifest: { include, config }, modules: {} });
      const { psk } = await cloud.addDevice({ id: "backend_1", role: "backend" });
      const login = { clientId: "backend_1", username: "backend_1", password: psk };
      const backend = await connectAsync(cloud.mqttUrl, login);
      const subscribed = cloud.next(
        "subscribed",
        ({ topics }) => topics.includes(`app/${ID}/command`),
        60_000,
      );
      const app = await playApp(sdk, library, flash);
      try {
        await subscribed;
        const heard = new Promise<string>((resolve) =>
          backend.once("message", (_topic, payload) => resolve(String(payload))),
        );
        await backend.subscribeAsync(`app/${ID}/up`, { qos: 1 });
        await backend.publishAsync(`app/${ID}/command`, "report", { qos: 1 });
        assert.ok(Math.abs(JSON.parse(await heard).atMs - Date.now()) < 60_000);
      } finally {
        await backend.endAsync(true);
        await app.close();
      }
    });

    it("with an authority's certificate it speaks TLS to the cloud and to its app", async () => {
      const ca = await CertificateAuthority.create("a CA", "rsa");
      const { cert, key } = await ca.issue({ name: "server", hosts: ["127.0.0.1"], keyType: "rsa" });
      await writeFile(join(flash, "ca.der"), new X509Certificate(ca.cert).raw);
      server = createTlsServer({ cert, key }, answer);
      await startCloudWith({ tls: { cert, key } });
      await report({ ...(await settings()), port: cloud.port }, { data: { "*": `${flash}/ca` } });
    });
  });
});
