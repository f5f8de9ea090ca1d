/** What the firmware may call, and what it says about itself. */
import ts from "typescript";
import { isCore, isFirmware } from "./repository.js";
import { isReference, isShadowed, lineOf, nodeRule, type Rule } from "./rule.js";

const GLOBALS = new Set(
  [
    "Date performance setTimeout setInterval setImmediate clearTimeout clearInterval queueMicrotask",
    "console process require Buffer crypto fetch globalThis global window self eval",
    "TextEncoder TextDecoder JSON Map Set WeakMap WeakSet WeakRef FinalizationRegistry",
    "Symbol BigInt Proxy Reflect Intl Atomics SharedArrayBuffer",
  ]
    .join(" ")
    .split(" "),
);
const MEMBERS = new Set(
  [
    "Math.random Math.imul Math.clz32 Math.trunc Math.fround Number.isInteger Number.isSafeInteger",
    "Object.freeze Object.assign Object.keys Object.entries Array.from Array.of String.fromCodePoint",
  ]
    .join(" ")
    .split(" "),
);

function isForbidden(node: ts.Node, path: string): boolean {
  if (ts.isPropertyAccessExpression(node)) return MEMBERS.has(node.getText());
  if (!isReference(node)) return false;
  const promise = node.text === "Promise" && path !== "firmware/promises.ts";
  return (promise || GLOBALS.has(node.text)) && !isShadowed(node, node.text);
}

const isExported = (statement: ts.Statement): boolean =>
  ts.canHaveModifiers(statement) &&
  (ts.getModifiers(statement) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);

const documented: Rule = {
  name: "tsdoc",
  why: "an export says in a /** comment */ what it is: shapes, units, errors, the section of the standard",
  holdsIn: isFirmware,
  check: (file, report) => {
    for (const statement of file.tree.statements) {
      if (!isExported(statement)) continue;
      if (ts.getJSDocCommentsAndTags(statement).length === 0) report(lineOf(statement));
    }
  },
};

export const NAME_RULES: readonly Rule[] = [
  nodeRule(
    "no-forbidden-global",
    "absent on an engine, or a hidden clock, dice or console: ask a port",
    isCore,
    isForbidden,
  ),
  documented,
];
