/** Who may import whom: one direction, so that each part can be read, tested and bundled without those above. */
import { posix } from "node:path";
import ts from "typescript";
import { installedWith, isCode, isExample } from "./repository.js";
import { lineOf, type Rule, type SourceText, walk } from "./rule.js";

/**
 * The firmware from the top down. A name stands for `name.ts`, for the files `name-….ts` beside it and for the
 * folder `name/`. Each may import those below it; those on one line never import each other.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["espruino"],
  ["explain", "trace"],
  ["sentences"],
  ["index", "cbor", "mqtt5", "websocket", "messages", "rotation", "seal"],
  ["driver"],
  ["auth"],
  ["tokens"],
  ["session"],
  ["rpc"],
  ["transport"],
  ["config"],
  ["credential"],
  ["policy"],
  ["proof"],
  ["wire", "store", "time"],
  ["crypto", "addresses"],
  ["ports"],
  ["limits"],
  ["counters"],
  ["refusals"],
  ["status"],
  ["options"],
];

/** What the folders side by side share: text as bytes, which has no better place than the wire's. */
const SHARED = "firmware/wire/bytes.ts";

/** What an adapter knows of the firmware: SHA-256 serves where an engine has none, or no random numbers; options are checked as the core checks its own; what lies in wire/ here is there to be replaced. */
const ADAPTER_SEES = [
  ...["driver", "options", "ports", "status", "crypto/sha256", "seal/key"],
  ...["wire/copy", "wire/decimal", "wire/run", "wire/frame/whole"],
].map((name) => `firmware/${name}.ts`);

const WORKSPACES: Readonly<Record<string, string>> = {
  motekey: "firmware/index.ts",
  "motekey-host-sim": "host-sim/index.ts",
};

/** One import, export-from or dynamic import: where it stands, and the file or package it names. */
export interface Import {
  readonly line: number;
  /** A path from the repository's root, or a bare specifier such as `node:net` or `jose`. */
  readonly target: string;
}

/** True for a package or an engine's module, false for a file of ours. */
export const isBare = (target: string): boolean => !/^(firmware|host-sim|tools|test|site)\//.test(target);

/** What a specifier in the file `from` names: a path of ours from the root, or the bare specifier. */
export function resolve(from: string, specifier: string): string {
  if (!specifier.startsWith(".")) return WORKSPACES[specifier] ?? specifier;
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, ".ts");
}

/** Everything that a file imports, types too. */
export function importsOf(file: SourceText): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    found.push({ line: lineOf(node), target: resolve(file.path, specifier.text) });
  };
  walk(file.tree, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node, node.moduleSpecifier);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node, node.argument.literal);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node, node.arguments[0]);
  });
  return found;
}

/** The place of a firmware file in {@link LAYERS}, from the bottom, and its name there. */
function placeOf(path: string): { height: number; name: string } | undefined {
  const [first = ""] = path.slice("firmware/".length).split("/");
  const stem = first.replace(/\.ts$/, "");
  for (const [index, names] of LAYERS.entries()) {
    const name = names.find((known) => stem === known || stem.startsWith(`${known}-`));
    if (name !== undefined) return { height: LAYERS.length - index, name };
  }
  return undefined;
}

function firmwareRefusal(from: string, to: string): string | undefined {
  if (!to.startsWith("firmware/")) return "the firmware imports nothing from outside its folder";
  if (from.startsWith("firmware/adapters/")) {
    const seen = ADAPTER_SEES.includes(to) || to.startsWith(from.split("/", 3).join("/"));
    return seen ? undefined : `an adapter sees ${ADAPTER_SEES.join(", ")} only`;
  }
  const above = placeOf(from);
  const below = placeOf(to);
  if (above === undefined) return `give ${from} a place in LAYERS, test/tidy/imports.ts`;
  if (below === undefined) return `give ${to} a place in LAYERS, test/tidy/imports.ts`;
  if (above.height > below.height || above.name === below.name || to === SHARED) return undefined;
  return `${above.name} stands ${above.height === below.height ? "beside" : "below"} ${below.name}`;
}

/** Why a file may not import another, or undefined where it may. */
export function refusal(from: string, to: string): string | undefined {
  if (from.startsWith("test/") || isExample(from)) return undefined;
  if (/^(tools|test)\//.test(to) && from.split("/")[0] !== to.split("/")[0])
    return "nothing imports tools or tests";
  if (from.startsWith("firmware/")) {
    const engineModule = isBare(to) && /^firmware\/(adapters|espruino)\//.test(from);
    const isCipher = from === "firmware/seal/secretbox.ts" && to === "tweetnacl";
    return engineModule || isCipher ? undefined : firmwareRefusal(from, to);
  }
  if (from.startsWith("host-sim/cloud/") && !isBare(to) && !to.startsWith("host-sim/cloud/"))
    return "the mock cloud shares no code with the firmware, or both would err together";
  return undefined;
}

const arrows: Rule = {
  name: "import-arrow",
  why: "imports go down only",
  holdsIn: isCode,
  check: (file, report) => {
    for (const { line, target } of importsOf(file)) {
      const why = refusal(file.path, target);
      if (why !== undefined) report(line, why);
    }
  },
};

/** The folder whose package.json a file is installed by. */
function workspaceOf(path: string): string {
  if (path.startsWith("host-sim/service/")) return "host-sim/service";
  return path.split("/")[0] ?? "";
}

const declared: Rule = {
  name: "declared-package",
  why: "whoever installs this workspace must get the package: name it in its dependencies",
  holdsIn: (path) => isCode(path) && /^(host-sim|tools)\//.test(path),
  check: (file, report) => {
    const folder = workspaceOf(file.path);
    for (const { line, target } of importsOf(file)) {
      if (!isBare(target) || target.startsWith("node:")) continue;
      const name = target.split("/", target.startsWith("@") ? 2 : 1).join("/");
      if (!installedWith(folder).includes(name)) report(line, name);
    }
  },
};

export const IMPORT_RULES: readonly Rule[] = [arrows, declared];
