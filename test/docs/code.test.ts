/** The code in the documents: every block is compiled, and what can run on this machine runs and prints what it says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import {
  blocksOf,
  type CodeBlock,
  DOCUMENTS,
  fromSources,
  type Surroundings,
  typeErrors,
} from "./code-blocks.js";
import { at } from "./repository.js";
import { MODULES, programOf } from "./run-block.js";

const NODE: Surroundings = {
  config: "tsconfig.json",
  folder: "test/docs",
  modules: MODULES,
  given: `
    declare const ports: import("${at("firmware/index.js")}").Ports;
    declare function use(bytes: Uint8Array, length: number): void;
    declare function trace(text: string): void;
    declare const ca: string, cert: string, key: string;`,
};

const MODDABLE: Surroundings = {
  config: "firmware/adapters/moddable/tsconfig.json",
  folder: "firmware/adapters/moddable",
  given:
    "declare const deviceId: string, host: string, caDer: Uint8Array, deviceDer: Uint8Array, devicePkcs8: Uint8Array;",
};

const ESPRUINO: Surroundings = {
  config: "firmware/espruino/tsconfig.json",
  folder: "firmware/espruino",
  given: `
    declare function require(name: "motekey"): import("${at("firmware/espruino/api.js")}").LeanModule;
    declare const deviceId: string, psk: string, cloud: { host: string };`,
};

/** Where a block is for: its file or its heading says so. */
const PLACES: [RegExp, Surroundings][] = [
  [/moddable/i, MODDABLE],
  [/espruino/i, ESPRUINO],
  [/(?:)/, NODE],
];

/** Needs what no test starts for it: the broker of a sample. */
const ONLY_COMPILED = ["host-sim/samples/README.md"];

const blocks = DOCUMENTS.flatMap(blocksOf);
const code = blocks.filter(({ language }) => ["js", "ts"].includes(language));
const surroundingsOf = ({ file, heading }: CodeBlock): Surroundings =>
  (PLACES.find(([pattern]) => pattern.test(`${file} ${heading}`)) as [RegExp, Surroundings])[1];

/** Runs a program, and returns for each of its lines that print what they printed last. */
async function printedBy(block: CodeBlock): Promise<Map<number, string>> {
  const text = fromSources(block, MODULES)
    .split("\n")
    .map((line, index) => line.replaceAll("console.log(", `globalThis.printed(${index}, `))
    .join("\n");
  const printed = new Map<number, string>();
  const print = (line: number, ...values: unknown[]): void => {
    const texts = values.map((value) =>
      typeof value === "string" ? value : inspect(value, { breakLength: Number.POSITIVE_INFINITY }),
    );
    printed.set(line, texts.join(" "));
  };
  Object.assign(globalThis, { printed: print });
  const program = programOf(text);
  try {
    await program.run(block.name);
  } finally {
    program.remove();
  }
  return printed;
}

/** What the comments behind `console.log` say that it prints; `…` stands for anything. */
function announced({ text }: CodeBlock): [number, RegExp][] {
  return text.split("\n").flatMap((line, index): [number, RegExp][] => {
    const comment = /console\.log\(.*\);? \/\/ (.*)$/.exec(line)?.[1];
    if (comment === undefined) return [];
    const pattern = comment.split("…").map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return [[index, new RegExp(`^${pattern.join("[^]*")}$`)]];
  });
}

describe("the documents' code", () => {
  it("is marked with a language that is known here", () => {
    const known = ["", "sh", "js", "json", "ts"];
    assert.deepEqual(
      blocks.filter(({ language }) => !known.includes(language)).map(({ name }) => name),
      [],
    );
  });

  it("is JSON where it says so", () => {
    for (const { language, text, name } of blocks)
      if (language === "json") assert.doesNotThrow(() => JSON.parse(text), name);
  });

  for (const surroundings of [NODE, MODDABLE, ESPRUINO]) {
    it(`compiles with ${surroundings.config}`, () => {
      const mine = code.filter((block) => surroundingsOf(block) === surroundings);
      assert.ok(mine.length > 0);
      const mistake = {
        ...(mine[0] as CodeBlock),
        name: "a mistake",
        text: "const mistaken: number = 'text';",
      };
      assert.deepEqual(typeErrors([...mine, mistake], surroundings), [
        "a mistake: Type 'string' is not assignable to type 'number'.",
      ]);
    });
  }

  it("names only commands that there are", () => {
    const { scripts } = JSON.parse(readFileSync(at("package.json"), "utf8"));
    const lines = blocks.filter(({ language }) => language === "sh").map(({ text }) => text);
    const named = [...lines.join("\n").matchAll(/\bnpm run ([\w:]+)/g)].map(([, script]) => script as string);
    assert.ok(named.length > 0);
    assert.deepEqual(
      named.filter((script) => scripts[script] === undefined),
      [],
    );
  });

  const programs = code.filter(
    ({ text, file }) => text.includes('from "motekey-host-sim"') && !ONLY_COMPILED.includes(file),
  );
  for (const block of programs) {
    it(`runs, and prints what it says: ${block.heading} (${block.name})`, async () => {
      const printed = await printedBy(block);
      for (const [line, pattern] of announced(block)) assert.match(printed.get(line) ?? "", pattern);
    });
  }
});
