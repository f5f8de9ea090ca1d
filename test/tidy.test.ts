/** The house rules, held by a test: each with samples that break it, and then over the repository's own source. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import vm from "node:vm";
import { build } from "esbuild";
import { ALLOCATION_RULES } from "./tidy/allocation.js";
import { circle, grandchildren, importGraph, unreached } from "./tidy/graph.js";
import { IMPORT_RULES } from "./tidy/imports.js";
import { LANGUAGE_RULES } from "./tidy/language.js";
import { idleExceptions, isLimited, LIMIT_RULES } from "./tidy/limits.js";
import { NAME_RULES } from "./tidy/names.js";
import { isCode, ourPaths, ROOT, readSource, unpinnedPackages } from "./tidy/repository.js";
import { findings, type Rule, type SourceText, sourceText } from "./tidy/rule.js";
import { FINE, SAMPLES } from "./tidy/samples.js";
import { TEXT_RULES } from "./tidy/text.js";

const RULES: readonly Rule[] = [
  ...TEXT_RULES,
  ...IMPORT_RULES,
  ...NAME_RULES,
  ...LANGUAGE_RULES,
  ...ALLOCATION_RULES,
  ...LIMIT_RULES,
];

/** The samples break the rules on purpose. */
const SAMPLES_PATH = "test/tidy/samples.ts";

/** Where programs and libraries begin; further ones are named by a package.json or by the build. */
const ENTRIES = [
  "firmware/index.ts",
  "firmware/cbor.ts",
  "firmware/mqtt5.ts",
  "firmware/messages.ts",
  "firmware/websocket.ts",
  "firmware/promises.ts",
  "firmware/rotation.ts",
  "firmware/seal.ts",
  "host-sim/index.ts",
  "host-sim/world/index.ts",
  "host-sim/service/index.ts",
  "host-sim/service/verify.ts",
];

/** What Espruino 2v29 cannot parse, in esbuild's words: lowered where esbuild can, refused where it cannot. */
const ESPRUINO_LACKS = [
  "array-spread",
  "async-await",
  "async-generator",
  "bigint",
  "class-field",
  "class-private-field",
  "class-private-method",
  "class-static-blocks",
  "class-static-field",
  "default-argument",
  "destructuring",
  "dynamic-import",
  "exponent-operator",
  "for-await",
  "for-of",
  "generator",
  "import-meta",
  "logical-assignment",
  "nested-rest-binding",
  "new-target",
  "nullish-coalescing",
  "object-rest-spread",
  "optional-catch-binding",
  "optional-chain",
  "rest-argument",
  "top-level-await",
];

describe("the house rules", () => {
  const paths = ourPaths().filter((path) => path !== SAMPLES_PATH);
  const files = new Map<string, SourceText>(paths.map((path) => [path, readSource(path)]));
  const code = [...files.values()].filter((file) => isCode(file.path));

  describe("find what breaks them", () => {
    for (const { rule: name, line, code, path } of SAMPLES) {
      it(`${name}: ${JSON.stringify(code.slice(0, 60))}`, () => {
        const rule = RULES.find((known) => known.name === name);
        assert.ok(rule, `no rule is called ${name}`);
        assert.ok(rule.holdsIn(path), `${name} does not hold in ${path}`);
        const found = findings(rule, sourceText(path, code));
        assert.deepEqual(
          found.map((finding) => finding.split(" ")[0]),
          [`${path}:${line}`],
        );
      });
    }

    it("every rule has a sample", () => {
      const sampled = new Set(SAMPLES.map(({ rule }) => rule));
      assert.deepEqual(
        RULES.filter((rule) => !sampled.has(rule.name)).map((rule) => rule.name),
        [],
      );
    });

    it("nothing is found in fine code", () => {
      const fine = sourceText("firmware/session.ts", FINE);
      assert.deepEqual(
        RULES.flatMap((rule) => findings(rule, fine)),
        [],
      );
    });

    it("a circle of imports is told", () => {
      const graph = new Map([
        ["a", ["b"]],
        ["b", ["c", "d"]],
        ["c", ["b"]],
        ["d", []],
      ]);
      assert.equal(circle(graph), "b → c → b");
      assert.equal(circle(new Map([["a", ["b"]]])), undefined);
    });

    it("a class below a class that extends another is told, wherever they stand", () => {
      const files = [
        sourceText("firmware/a.ts", "class A {}\nexport class B extends A {}"),
        sourceText("firmware/c.ts", "export class C extends B {}"),
      ];
      assert.deepEqual(grandchildren(files), ["firmware/c.ts:1 C"]);
    });

    it("a package without a hash, or with a registry's address, is found; links and workspaces need none", () => {
      const lock = JSON.stringify({
        packages: {
          "": {},
          firmware: { version: "1.0.0" },
          "node_modules/motekey": { resolved: "firmware", link: true },
          "node_modules/pinned": { version: "1.0.0", integrity: "sha512-AA==" },
          "node_modules/loose": { version: "1.0.0" },
          "node_modules/addressed": {
            version: "1.0.0",
            integrity: "sha512-AA==",
            resolved: "https://x.example",
          },
        },
      });
      assert.deepEqual(unpinnedPackages(lock), ["node_modules/loose", "node_modules/addressed"]);
    });

    it("a file that no entry point leads to is told, also one that only imports", () => {
      const graph = importGraph([
        sourceText("host-sim/index.ts", 'import "./used.js";\nnew Worker(new URL("./worker.ts", here));'),
        sourceText("host-sim/used.ts", ""),
        sourceText("host-sim/worker.ts", ""),
        sourceText("host-sim/dead.ts", 'import "./used.js";'),
      ]);
      assert.deepEqual(unreached(graph, ["host-sim/index.ts"]), ["host-sim/dead.ts"]);
    });
  });

  describe("hold in the repository", () => {
    it("the repository's own files are seen", () => {
      assert.ok(files.has("package.json"));
      assert.ok(code.length > 0);
    });

    for (const rule of RULES) {
      it(`${rule.name}: ${rule.why}`, () => {
        const held = [...files.values()].filter((file) => rule.holdsIn(file.path));
        const found = held.flatMap((file) => findings(rule, file));
        assert.equal(found.length, 0, `\n${found.join("\n")}`);
      });
    }

    it("the proof that others begin with keeps the rules of firmware/proof", async () => {
      const text = readFileSync(`${ROOT}test/proof/derived.ts`, "utf8").replaceAll("../../firmware/", "../");
      const moved = sourceText("firmware/proof/derived.ts", text);
      const found = RULES.filter((rule) => rule.holdsIn(moved.path)).flatMap((rule) => findings(rule, moved));
      assert.deepEqual(found, []);
      assert.ok(await bundle('import "./test/proof/derived.js";', ESPRUINO_LACKS));
    });

    it("every package of a lock file has its hash, and names no registry", () => {
      const locks = paths.filter((path) => /(^|\/)package-lock\.json$/.test(path));
      const unpinned = locks.flatMap((path) =>
        unpinnedPackages(readFileSync(ROOT + path, "utf8")).map((name) => `${path} ${name}`),
      );
      assert.ok(locks.length > 0);
      assert.deepEqual(unpinned, []);
    });

    it("no exception from a limit is larger than what it stands for", () => {
      assert.deepEqual(idleExceptions(code.filter(({ path }) => isLimited(path))), []);
    });

    it("imports make no circle", () => {
      assert.equal(circle(importGraph(code)), undefined);
    });

    it("no class of Espruino's core has a grandparent", () => {
      assert.deepEqual(grandchildren(code.filter(({ path }) => path.startsWith("firmware/espruino/"))), []);
    });

    it("every file of firmware, host-sim and tools is reached from an entry point", () => {
      const manifests = paths.filter((path) => /(^|\/)package\.json$/.test(path));
      const builders = paths.filter((path) => /^build(\.mjs$|\/)/.test(path));
      const namesIn = (path: string): string[] =>
        readFileSync(ROOT + path, "utf8").match(/[\w./-]+\.(?:ts|mjs)\b/g) ?? [];
      const named = [
        ...manifests.flatMap((path) =>
          namesIn(path).map((name) => path.slice(0, -"package.json".length) + name.replace(/^\.\//, "")),
        ),
        ...builders.flatMap((path) =>
          namesIn(path).flatMap((name) => [name, `firmware/${name}`, `tools/${name}`]),
        ),
      ];
      const shipped = importGraph(code.filter(({ path }) => !/^(test|site)\//.test(path)));
      const adapters = [...shipped.keys()].filter((path) =>
        /^firmware\/(adapters\/\w+\/(\w+\/)?index|examples\/.*)\.ts$/.test(path),
      );
      assert.deepEqual(unreached(shipped, [...ENTRIES, ...adapters, ...named]), []);
    });
  });

  it("firmware/DESIGN.md's map names every file of the firmware's rooms", () => {
    const map = readFileSync(`${ROOT}firmware/DESIGN.md`, "utf8").split("```")[1] ?? "";
    const words = new Set(map.match(/[a-z0-9]+(?:-[a-z0-9]+)*/g));
    const inRooms = paths.filter(
      (path) =>
        isCode(path) && /^firmware\//.test(path) && !/^firmware\/(adapters|espruino|examples)\//.test(path),
    );
    assert.ok(inRooms.length > 80);
    const parts = inRooms.flatMap((path) => path.slice("firmware/".length, -".ts".length).split("/"));
    assert.deepEqual(
      [...new Set(parts)].filter((part) => !words.has(part)),
      [],
    );
  });

  it("continuous integration installs each Debian package that a test needs", () => {
    const always = ["bsdutils", "util-linux"]; // essential: each Debian has them
    const installs =
      readFileSync(`${ROOT}.ci/run`, "utf8")
        .match(/apt-get install [^>]*/)?.[0]
        .split(/\s+/) ?? [];
    const needs = code.flatMap(({ text }) =>
      [...text.matchAll(/\b(?:need|find)Program\(\w+, "[^"]+", "([^"]+)"\)/g)].map(
        ([, name]) => name as string,
      ),
    );
    assert.ok(needs.includes("mosquitto") && needs.includes("age"));
    assert.deepEqual(
      [...new Set(needs)].filter((name) => ![...installs, ...always].includes(name)).sort(),
      [],
    );
  });
});

/** Bundles for an engine of 2015; rejects when something can't be lowered. @param lacks of this, in esbuild's words */
async function bundle(contents: string, lacks: readonly string[] = []): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2015",
    external: ["net", "tls", "crypto", "Storage"],
    supported: Object.fromEntries(lacks.map((feature) => [feature, false])),
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

describe("the firmware's bundle", () => {
  it("is refused for Espruino when it holds syntax that Espruino lacks", async () => {
    await assert.rejects(bundle("for (const a of b) a();", ESPRUINO_LACKS), /for-of/);
    for (const entry of ["auth", "credential", "messages"])
      assert.ok(await bundle(`import "./firmware/espruino/${entry}.js";`, ESPRUINO_LACKS));
  });

  it("is made, and loads in an engine that has no host", async () => {
    assert.ok(existsSync(`${ROOT}firmware/index.ts`), "firmware/index.ts is missing");
    let names: string[] = [];
    const loaded = (motekey: object): void => {
      names = Object.keys(motekey);
    };
    const script = await bundle('import * as motekey from "./firmware/index.js";\nloaded(motekey);');
    vm.runInNewContext(script, { loaded });
    assert.ok(names.includes("createAuth"), `exports: ${names.join(", ")}`);
  });
});
