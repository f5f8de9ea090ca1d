/** The packages as they are packed, in a project of somebody else's: installed, compiled strictly, run on each Node. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build, transform } from "esbuild";
import { blocksOf, type CodeBlock, DOCUMENTS } from "../docs/code-blocks.js";
import { ROOT } from "../docs/repository.js";
import { asOneModule, BUNDLER_PACKAGES, BUNDLERS } from "./bundlers.js";
import { collectModules } from "./manifests.js";

const PACKAGES = ["motekey", "motekey-host-sim", "motekey-service", "motekey-tools"];
/** What it runs on beside the Node of these tests. */
const NODES = ["22", "24", "latest"];
/** The samples of host-sim/samples/ci, and what runs each. */
const RUNNERS = [
  ["vitest.test.js", "vitest", "run"],
  ["node.test.js", "node", "--test"],
  ["mocha.test.js", "mocha"],
  ["jest.test.js", "jest"],
] as const;
const FROM_REPOSITORY = join(ROOT, "node_modules");
const run = promisify(execFile);

/** Output is shown where a program fails: an assertion says more than an exit code. */
async function output(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  try {
    const options = { cwd, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } };
    const { stdout } = await run(program, args, options);
    return stdout;
  } catch (failure) {
    const { message, stdout, stderr } = failure as Error & { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")}: ${message}\n${stdout}\n${stderr}`);
  }
}

/** What a document takes as given: an engine's ports, what an app does with its token, its certificates. */
const GIVEN = `
declare const ports: import("motekey").Ports;
declare function use(bytes: Uint8Array, length: number): void;
declare function trace(text: string): void;
declare const ca: string, cert: string, key: string;
`;

const blocks = DOCUMENTS.flatMap(blocksOf).filter(
  ({ language, heading }) => language === "ts" && !/Moddable|Espruino/.test(heading),
);
/** Those that need nothing but the packages. */
const programs = blocks.filter(
  ({ text, file }) => /startCloud|startIdentity|startService|world\(/.test(text) && !file.includes("samples"),
);
/** Those with the firmware's own client or stores, over the simulator's ports, and no package of somebody else's. */
const ofTheFirmware = blocks.filter(
  ({ text }) =>
    /from "motekey["/]/.test(text) && /\bnodePorts\b/.test(text) && !/from "(?!motekey|node:)/.test(text),
);
/** Apps' code for Moddable: what its page takes as given stands above it. */
const onModdable = DOCUMENTS.flatMap(blocksOf).filter(
  ({ language, text }) => language === "js" && text.includes("moddablePorts"),
);
const GIVEN_ON_MODDABLE = `
declare const deviceId: string, host: string, caDer: Uint8Array, deviceDer: Uint8Array, devicePkcs8: Uint8Array;
`;
/** What an app's manifest includes of ours. */
const MANIFESTS = [
  "",
  "_tls",
  "_preference",
  "_key-value",
  "_cbor",
  "_messages",
  "_mqtt5",
  "_websocket",
  "_seal",
  "_efuse",
];

describe("the packages, outside", () => {
  let folder: string;
  /** Where each Node's binary is, by what it was installed as. */
  const nodes = new Map([["these tests'", process.execPath]]);
  const bin = (name: string): string => join(FROM_REPOSITORY, ".bin", name);

  before(async function () {
    this.timeout(1_800_000); // each package is built before it is packed
    folder = await mkdtemp(join(tmpdir(), "outside-"));
    const packed = await output(
      "npm",
      ["pack", "--json", "--pack-destination", folder, ...PACKAGES.flatMap((name) => ["-w", name])],
      ROOT,
    );
    const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    assert.equal(tarballs.length, PACKAGES.length, packed);
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "theirs", type: "module" }));
    const { version } = JSON.parse(
      readFileSync(join(FROM_REPOSITORY, "@types/node/package.json"), "utf8"),
    ) as { version: string };
    await output(
      "npm",
      [
        "install",
        ...tarballs.map((name) => `./${name}`),
        `@types/node@${version}`,
        "--no-audit",
        "--no-fund",
      ],
      folder,
    );
    for (const version of NODES) {
      const at = join(folder, `node-${version}`);
      await mkdir(at);
      await output("npm", ["install", "--no-save", "--prefix", at, `node@${version}`], at);
      nodes.set(version, join(at, "node_modules/node/bin/node"));
    }
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it("bring their licenses, readmes, and every file that their manifests name", () => {
    for (const name of PACKAGES) {
      const at = join(folder, "node_modules", name);
      for (const file of ["LICENSE", "README.md"]) assert.ok(existsSync(join(at, file)), `${name}/${file}`);
    }
    const at = join(folder, "node_modules/motekey");
    const manifests = readdirSync(at).filter((name) => /^manifest.*\.json$/.test(name));
    assert.ok(manifests.length > 5, `${manifests}`);
    for (const manifest of manifests) {
      const named = readFileSync(join(at, manifest), "utf8").matchAll(/"(\.\/[^"*$]+)"/g);
      for (const [, path = ""] of named) {
        const there = ["", ".js", ".json", ".c"].some((end) => existsSync(join(at, path) + end));
        assert.ok(there, `${manifest}: ${path}`);
      }
    }
  });

  it("have one copy of the firmware, which the simulator runs", () => {
    const copies = readdirSync(join(folder, "node_modules"), { recursive: true, encoding: "utf8" }).filter(
      (path) => path.endsWith("motekey/package.json"),
    );
    assert.deepEqual(copies, ["motekey/package.json"]);
  });

  for (const resolution of ["node16", "nodenext", "bundler"]) {
    it(`compile strictly with every program of the documents: ${resolution}, libraries checked`, async () => {
      const at = join(folder, `compiled-${resolution}`);
      await mkdir(at);
      for (const [index, { text }] of blocks.entries())
        await writeFile(join(at, `block-${index}.ts`), `${GIVEN}${text}\nexport {};\n`);
      await writeFile(join(at, "seam.ts"), SEAM);
      const options = {
        module: resolution === "bundler" ? "esnext" : resolution,
        moduleResolution: resolution,
        target: "es2022",
        lib: ["es2023", "esnext.disposable"],
        types: ["node"],
        strict: true,
        exactOptionalPropertyTypes: true,
        noImplicitAny: false, // a document's callbacks
        skipLibCheck: false,
        noEmit: true,
      };
      await writeFile(join(at, "tsconfig.json"), JSON.stringify({ compilerOptions: options }));
      await output(bin("tsc"), ["-p", at], folder);
    });
  }

  it("compile with the types of an app on Moddable, by its condition", async () => {
    const at = join(folder, "compiled-moddable");
    await mkdir(at);
    const entries = {
      motekey: "moddablePorts",
      "motekey/tls": "ModdableTlsLink",
      "motekey/preference": "PreferenceStore",
      "motekey/key-value": "KeyValueStore",
    };
    const lines = Object.entries(entries).map(
      ([entry, name]) => `import { ${name} } from "${entry}";\nvoid ${name};\n`,
    );
    await writeFile(join(at, "app.ts"), lines.join(""));
    assert.ok(onModdable.length > 1);
    for (const [index, { text }] of onModdable.entries())
      await writeFile(join(at, `block-${index}.ts`), `${GIVEN_ON_MODDABLE}${text}\nexport {};\n`);
    const options = {
      module: "nodenext",
      target: "es2022",
      customConditions: ["moddable"],
      types: [],
      strict: true,
      noImplicitAny: false, // a document's callbacks
      skipLibCheck: true,
      noEmit: true,
    };
    await writeFile(join(at, "tsconfig.json"), JSON.stringify({ compilerOptions: options }));
    await output(bin("tsc"), ["-p", at], folder);
  });

  for (const name of ["these tests'", ...NODES]) {
    it(`run every program of the documents on Node: ${name}`, async () => {
      const node = nodes.get(name) as string;
      for (const [index, block] of programs.entries()) await runBlock(node, block, index);
    });

    it(`load by require, and start the command line, on Node: ${name}`, async () => {
      const node = nodes.get(name) as string;
      const loads =
        'console.log(typeof require("motekey").createAuth, typeof require("motekey-host-sim").startCloud, typeof require("motekey-service").startService)';
      const loaded = await output(node, ["--input-type=commonjs", "-e", loads], folder);
      assert.match(loaded, /function function function/);
      const main = join(folder, "node_modules/motekey-tools/bin/motekey.mjs");
      assert.match(await output(node, [main, "--version"], folder), /^\d+\.\d+\.\d+/);
      assert.match(await output(node, [main, "environment"], folder), /MOTEKEY_/);
    });
  }

  it("start by npx motekey", async () => {
    assert.match(await output("npx", ["--no-install", "motekey", "--version"], folder), /^\d+\.\d+\.\d+/);
  });

  it("say which Node they need, on Node 18", async () => {
    const at = join(folder, "node-18");
    await mkdir(at);
    await output("npm", ["install", "--no-save", "--prefix", at, "node@18"], at);
    const main = join(folder, "node_modules/motekey-tools/bin/motekey.mjs");
    const started = output(join(at, "node_modules/node/bin/node"), [main, "--version"], folder);
    await assert.rejects(started, /motekey needs Node 20\.19 or later; this is v18\./);
  });

  it("make a Moddable app's modules from its manifest and node_modules alone", async () => {
    const at = join(folder, "node_modules/motekey");
    const modules = new Map<string, string>();
    for (const name of MANIFESTS) collectModules(join(at, `manifest${name}.json`), modules);
    const imports = ["motekey", "motekey/tls", "motekey/preference", "motekey/key-value", "motekey/cbor"];
    imports.push("motekey/messages", "motekey/mqtt5", "motekey/websocket", "motekey/seal", "motekey/efuse");
    const engines = new Set<string>();
    await build({
      stdin: { contents: imports.map((name) => `import "${name}";`).join("\n"), resolveDir: folder },
      bundle: true,
      write: false,
      format: "esm",
      plugins: [
        {
          name: "mcconfig", // a module is what a manifest calls so; everything else is the engine's
          setup({ onResolve }) {
            onResolve({ filter: /./ }, ({ path, kind }) => {
              if (kind === "entry-point") return undefined;
              const file = modules.get(path);
              if (file !== undefined) return { path: file };
              engines.add(path);
              return { path, external: true };
            });
          },
        },
      ],
    });
    assert.deepEqual(
      [...engines].filter((name) => /motekey|^[./]/.test(name)),
      [],
    );
    assert.ok(engines.has("timer"), `${[...engines]}`);
  });

  it("have Espruino's files and examples, which load as its require does", async () => {
    const load = `
      const { readFileSync } = require("node:fs");
      for (const file of ["motekey.js", "motekey-messages.js"]) {
        const exports = {};
        new Function("exports", "require", readFileSync(require.resolve("motekey/espruino/" + file), "utf8"))(exports, () => ({}));
        console.log(Object.keys(exports).sort().join());
      }
      new Function("require", readFileSync(require.resolve("motekey/examples/espruino/token.js"), "utf8"));`;
    const loaded = await output(process.execPath, ["--input-type=commonjs", "-e", load], folder);
    assert.match(loaded, /createAuth.*writeCredential/);
    assert.match(loaded, /Messages/);
  });

  describe("under a test runner, whose timers are faked by default", () => {
    const samples = (): string => join(folder, "node_modules/motekey-host-sim/samples/ci");

    before(async () => {
      const runners = ["vitest", "mocha", "sinon", "jest", "@jest/globals"];
      await output("npm", ["install", "--no-save", ...runners, "--no-audit", "--no-fund"], folder);
      for (const name of readdirSync(samples()).filter((file) => file.endsWith(".js")))
        await copyFile(join(samples(), name), join(folder, name));
    });

    for (const [sample, program, ...args] of RUNNERS) {
      it(`runs the sample of ${sample}`, async () => {
        const path = program === "node" ? process.execPath : join(folder, "node_modules/.bin", program);
        await output(path, [...args, sample], folder, { NODE_OPTIONS: "--experimental-vm-modules" });
      });
    }
  });

  describe("in an app's bundle", () => {
    before(() =>
      output("npm", ["install", "--no-save", ...BUNDLER_PACKAGES, "--no-audit", "--no-fund"], folder),
    );

    for (const [name, bundle] of Object.entries(BUNDLERS)) {
      it(`cost no more than what the app imports: ${name}`, async () => {
        const entry = "status-alone.js";
        await writeFile(
          join(folder, entry),
          'import { Status } from "motekey"; console.log(Status[Status.BUSY]);',
        );
        const text = await bundle(folder, entry);
        // createAuth and the rest would be 95 kB.
        assert.ok(text.length <= 3_600, `${text.length} bytes for Status`);
        assert.equal(await runModule(text, `status-${name}.mjs`), "BUSY\n");
      });

      it(`work with each entry point of the firmware: ${name}`, async () => {
        const entry = "each-entry-point.js";
        const modules = ofTheFirmware.map(({ text }) => transform(text, { loader: "ts", target: "node20" }));
        const codes = (await Promise.all(modules)).map(({ code }) => code);
        await writeFile(join(folder, entry), asOneModule(codes));
        await runModule(await bundle(folder, entry), `each-${name}.mjs`);
      });
    }

    it("have a program of the documents for each entry point that Node can load", () => {
      const { exports } = JSON.parse(
        readFileSync(join(folder, "node_modules/motekey/package.json"), "utf8"),
      ) as { exports: Record<string, { default?: string }> };
      const inNode = Object.keys(exports).filter((name) => exports[name]?.default?.endsWith(".js"));
      const imported = ofTheFirmware.flatMap(({ text }) => [...text.matchAll(/from "(motekey(?:\/\w+)?)"/g)]);
      const names = new Set(imported.map(([, name]) => `.${name?.slice("motekey".length)}`));
      assert.deepEqual(
        inNode.filter((name) => !names.has(name)),
        [],
      );
    });

    const runModule = async (text: string, name: string): Promise<string> => {
      await writeFile(join(folder, name), text);
      return output(process.execPath, [name], folder);
    };
  });

  it("of two versions are refused by a sentence that names both", async () => {
    const at = join(folder, "node_modules/motekey/package.json");
    const before = readFileSync(at, "utf8");
    await writeFile(at, before.replace(/"version": "[^"]+"/, '"version": "0.0.9"'));
    try {
      const text = 'import { nodePorts } from "motekey-host-sim"; nodePorts();';
      await assert.rejects(
        output(process.execPath, ["--input-type=module", "-e", text], folder),
        /motekey 0\.0\.9 and motekey-host-sim 0\.1\.0 do not fit/,
      );
    } finally {
      await writeFile(at, before);
    }
  });

  it("satisfy publint and attw, whose CommonJS users load modules by require", async () => {
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".tgz"))) {
      await output(bin("publint"), [join(folder, file), "--strict"], folder);
      if (file.startsWith("motekey-tools")) continue; // a program, with no entry to import
      const rules = ["cjs-resolves-to-esm", "no-resolution"]; // Node 20.19 does the one; the others are engines' own
      await output(
        bin("attw"),
        [join(folder, file), "--profile", "node16", "--ignore-rules", ...rules],
        folder,
      );
    }
  });

  /** Runs a block without its types. */
  async function runBlock(node: string, { text, name }: CodeBlock, index: number): Promise<void> {
    const file = join(folder, `program-${index}.mjs`);
    const { code } = await transform(text, { loader: "ts", target: "es2022" });
    await writeFile(file, `// ${name}\n${code}`);
    await output(node, [file], folder);
  }
});

/** Where the packages' types meet. */
const SEAM = `
import { type AuthClient, createAuth, Status } from "motekey";
import { cwt } from "motekey/cbor";
import { nodePorts, simulateDevice } from "motekey-host-sim";
import { startService } from "motekey-service";
const device = simulateDevice({ cloud: "mqtt://127.0.0.1:1", id: "a", psk: "b", tokenFormat: cwt(new Uint8Array(32)) });
const client: AuthClient = createAuth({ deviceId: "a", cloud: { host: "b" }, credential: { psk: "c" } }, nodePorts());
export const seam = { device, client, startService, ok: Status.OK };
`;
