/**
 * Nothing is allocated after construction. What allocates may stand at the top of a module, in a constructor,
 * in the argument of a `throw`, and in a function whose TSDoc says when it may:
 *
 * - `@construction`: it runs before the first turn (a table is built, an option checked, a host made a handle);
 * - `@allocates`, and then why: a person asked for it (`explain()`), never the machine.
 *
 * A closure made in a constructor runs later, so what stands in it is held to the rules again. What a call
 * allocates in the function that it calls is seen there. The budget on XS measures the rest.
 */
import ts from "typescript";
import { isCore } from "./repository.js";
import { nodeRule, type Rule } from "./rule.js";

const ALLOCATING_TAGS = ["construction", "allocates"];
const VIEWS = new Set("subarray slice concat map filter keys values entries".split(" "));
const STRINGS = new Set("substr substring split join fromCharCode toString toFixed repeat".split(" "));

function mayAllocate(node: ts.Node): boolean {
  const place = ts.findAncestor(
    node.parent,
    (outer) => ts.isFunctionLike(outer) || ts.isThrowStatement(outer),
  );
  if (place === undefined || ts.isThrowStatement(place) || ts.isConstructorDeclaration(place)) return true;
  return ts.getJSDocTags(place).some((tag) => ALLOCATING_TAGS.includes(tag.tagName.text));
}

const steady = (name: string, why: string, refuses: (node: ts.Node) => boolean): Rule =>
  nodeRule(name, why, isCore, (node) => refuses(node) && !mayAllocate(node));

const calls = (node: ts.Node, names: ReadonlySet<string>): boolean =>
  ts.isCallExpression(node) &&
  ts.isPropertyAccessExpression(node.expression) &&
  names.has(node.expression.name.text);

function joinsStrings(node: ts.Node): boolean {
  if (ts.isTemplateExpression(node)) return true;
  if (!ts.isBinaryExpression(node)) return false;
  const { kind } = node.operatorToken;
  if (kind !== ts.SyntaxKind.PlusToken && kind !== ts.SyntaxKind.PlusEqualsToken) return false;
  return ts.isStringLiteralLike(node.left) || ts.isStringLiteralLike(node.right);
}

export const ALLOCATION_RULES: readonly Rule[] = [
  steady(
    "no-steady-closure",
    "a closure is 9 to 11 slots on XS: make it in the constructor, or write a method",
    (node) =>
      ts.isFunctionExpression(node) ||
      ts.isArrowFunction(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassExpression(node) ||
      calls(node, new Set(["bind"])),
  ),
  steady("no-steady-new", "make it in the constructor and use it again", (node) => ts.isNewExpression(node)),
  steady(
    "no-steady-literal",
    "an object or array literal allocates: keep one in a field, or pass its members",
    (node) => ts.isObjectLiteralExpression(node) || ts.isArrayLiteralExpression(node),
  ),
  steady("no-steady-view", "a view or copy allocates: pass the bytes with `from` and `to`", (node) =>
    calls(node, VIEWS),
  ),
  steady(
    "no-steady-string",
    "making a string allocates: prepare its bytes at construction and join them with `set`",
    (node) => calls(node, STRINGS) || joinsStrings(node),
  ),
];
