/**
 * The language gate: what the compiler lets pass and one of the three engines does not run, or runs otherwise.
 * It holds in the core of the firmware. What is merely absent (Map, Math.imul …) is not in `firmware/lib`.
 */
import ts from "typescript";
import { isCore } from "./repository.js";
import { declares, isReference, isShadowed, lastName, lineOf, nodeRule, type Rule, walk } from "./rule.js";

const K = ts.SyntaxKind;

const FORBIDDEN_METHODS = new Set(
  "catch class default delete for if in new of return static typeof".split(" "),
);
const LOGICAL_ASSIGNMENTS = [
  K.QuestionQuestionEqualsToken,
  K.BarBarEqualsToken,
  K.AmpersandAmpersandEqualsToken,
];
const BITWISE = [
  K.BarToken,
  K.AmpersandToken,
  K.CaretToken,
  K.LessThanLessThanToken,
  K.GreaterThanGreaterThanToken,
  K.GreaterThanGreaterThanGreaterThanToken,
];
const BITWISE_ASSIGNMENTS = [
  K.BarEqualsToken,
  K.AmpersandEqualsToken,
  K.CaretEqualsToken,
  K.LessThanLessThanEqualsToken,
  K.GreaterThanGreaterThanEqualsToken,
  K.GreaterThanGreaterThanGreaterThanEqualsToken,
];
/** Times, and ids of calls: both reach 2^53. */
const WIDE_NAME = /^(id|ms)$|(Ms|Id)$/;

const gate = (name: string, why: string, refuses: (node: ts.Node) => boolean): Rule =>
  nodeRule(name, why, isCore, refuses);

const operator = (node: ts.Node, kinds: readonly ts.SyntaxKind[]): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) && kinds.includes(node.operatorToken.kind);

const isWide = (node: ts.Expression): boolean => WIDE_NAME.test(lastName(node));

const isLoop = (node: ts.Node): boolean => ts.isIterationStatement(node, false);

const isClosure = (node: ts.Node): boolean =>
  ts.isFunctionExpression(node) || ts.isArrowFunction(node) || ts.isFunctionDeclaration(node);

/** Whether a class extends another. */
const isHeir = (node: ts.ClassLikeDeclaration): boolean =>
  node.heritageClauses?.some(({ token }) => token === K.ExtendsKeyword) === true;

const isStatic = (member: ts.ClassElement): boolean =>
  (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static) !== 0;

/** Whether a base class is imported, or declared in this file. */
const isOurs = (base: ts.Expression | undefined): boolean => {
  if (base === undefined || !ts.isIdentifier(base)) return false;
  let found = false;
  walk(base.getSourceFile(), (node) => {
    const names = ts.isImportSpecifier(node) || ts.isClassDeclaration(node);
    if (names && node.name?.text === base.text) found = true;
  });
  return found;
};

const isMember = (
  node: ts.Node,
): node is ts.MethodDeclaration | ts.MethodSignature | ts.AccessorDeclaration =>
  ts.isMethodDeclaration(node) || ts.isMethodSignature(node) || ts.isAccessor(node);

/** The names that a loop declares anew in each turn: in its head, and in its body outside of closures. */
function loopNames(loop: ts.Node, names: Set<string>): Set<string> {
  ts.forEachChild(loop, (child) => {
    if (ts.isFunctionLike(child)) return;
    if (ts.isVariableDeclaration(child) && ts.isIdentifier(child.name)) names.add(child.name.text);
    loopNames(child, names);
  });
  return names;
}

function closesOverLoop(node: ts.Node): boolean {
  if (!isClosure(node)) return false;
  const loop = ts.findAncestor(node.parent, (outer) => (ts.isFunctionLike(outer) ? "quit" : isLoop(outer)));
  if (loop === undefined) return false;
  const names = loopNames(loop, new Set());
  let closes = false;
  walk(node, (inner) => {
    if (isReference(inner) && names.has(inner.text) && !declares(node, inner.text)) closes = true;
  });
  return closes;
}

/** True for a field that is given more than a number, a truth value, a string or null where it is declared. */
function isObjectField(node: ts.Node): boolean {
  if (!ts.isPropertyDeclaration(node) || node.initializer === undefined) return false;
  let object = false;
  walk(node.initializer, (inner) => {
    if (ts.isObjectLiteralExpression(inner) || ts.isArrayLiteralExpression(inner)) object = true;
    if (ts.isNewExpression(inner) || ts.isCallExpression(inner) || isClosure(inner)) object = true;
  });
  return object;
}

const beforeDeclaration: Rule = {
  name: "defined-before-use",
  why: "Espruino does not hoist functions and classes: move the declaration above its first use",
  holdsIn: isCore,
  check: (file, report) => {
    const declaredAt = new Map<string, number>();
    for (const statement of file.tree.statements) {
      const hoists =
        ts.isFunctionDeclaration(statement) ||
        ts.isClassDeclaration(statement) ||
        ts.isEnumDeclaration(statement);
      if (hoists && statement.name) declaredAt.set(statement.name.text, statement.getStart());
    }
    walk(file.tree, (node) => {
      if (!isReference(node)) return;
      const declared = declaredAt.get(node.text);
      if (declared !== undefined && node.getStart() < declared && !isShadowed(node, node.text))
        report(lineOf(node), node.text);
    });
  },
};

export const LANGUAGE_RULES: readonly Rule[] = [
  beforeDeclaration,
  gate(
    "no-loop-closure",
    "on Espruino all closures over a loop's variable see its last value: hand the value in as a parameter",
    closesOverLoop,
  ),
  gate("no-hash-private", "#private is a syntax error on Espruino: write `private`", (node) =>
    ts.isPrivateIdentifier(node),
  ),
  gate(
    "no-object-field",
    "make what a field holds in the constructor: an initialiser is shared by all instances on Espruino",
    isObjectField,
  ),
  gate("no-static-block", "static blocks are a syntax error on Espruino", (node) =>
    ts.isClassStaticBlockDeclaration(node),
  ),
  gate("no-computed-member", "computed members are a syntax error on Espruino", (node) =>
    ts.isComputedPropertyName(node),
  ),
  gate(
    "no-default-parameter",
    "default parameters are a syntax error on Espruino: pass the value",
    (node) => ts.isParameter(node) && node.initializer !== undefined,
  ),
  gate(
    "no-rest-parameter",
    "rest parameters are a syntax error on Espruino, and allocate",
    (node) => ts.isParameter(node) && node.dotDotDotToken !== undefined && ts.isFunctionLike(node.parent),
  ),
  gate(
    "no-spread",
    "spread is a syntax error on Espruino, and allocates",
    (node) => ts.isSpreadElement(node) || ts.isSpreadAssignment(node),
  ),
  gate(
    "no-destructuring",
    "destructuring is a syntax error on Espruino: read the members by name",
    (node) =>
      ts.isObjectBindingPattern(node) ||
      ts.isArrayBindingPattern(node) ||
      (operator(node, [K.EqualsToken]) &&
        (ts.isArrayLiteralExpression(node.left) || ts.isObjectLiteralExpression(node.left))),
  ),
  gate("no-optional-chain", "?. is a syntax error on Espruino: compare with undefined", (node) =>
    ts.isQuestionDotToken(node),
  ),
  gate("no-nullish", "?? and the logical assignments are syntax errors on Espruino", (node) =>
    operator(node, [K.QuestionQuestionToken, ...LOGICAL_ASSIGNMENTS]),
  ),
  gate("no-power-operator", "** is a syntax error on Espruino: use Math.pow", (node) =>
    operator(node, [K.AsteriskAsteriskToken, K.AsteriskAsteriskEqualsToken]),
  ),
  gate("no-label", "labels are a syntax error on Espruino", (node) => ts.isLabeledStatement(node)),
  gate(
    "no-generator",
    "generators are a syntax error on Espruino",
    (node) => ts.isFunctionLike(node) && "asteriskToken" in node && node.asteriskToken !== undefined,
  ),
  gate(
    "no-async",
    "async and await are syntax errors on Espruino, and allocate",
    (node) => node.kind === K.AsyncKeyword || ts.isAwaitExpression(node),
  ),
  gate("no-tagged-template", "tagged templates are a syntax error on Espruino", (node) =>
    ts.isTaggedTemplateExpression(node),
  ),
  gate("no-for-of", "for…of allocates 8 slots on XS: count an index", (node) => ts.isForOfStatement(node)),
  gate(
    "no-inheritance",
    "Espruino cannot extend what the engine brings, and does not inherit statics: extend a class of ours, or compose",
    (node) => {
      if (ts.isClassLike(node)) return isHeir(node) && node.members.some(isStatic);
      const isExtends = ts.isHeritageClause(node) && node.token === K.ExtendsKeyword;
      return isExtends && ts.isClassLike(node.parent) && !isOurs(node.types[0]?.expression);
    },
  ),
  gate(
    "no-reserved-method",
    "a method of this name is a syntax error on Espruino",
    (node) => isMember(node) && FORBIDDEN_METHODS.has(node.name.getText()),
  ),
  gate(
    "no-var",
    "Espruino does not hoist var: use let or const",
    (node) => ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.BlockScoped) === 0,
  ),
  gate("no-regexp", "regular expressions differ between the engines, and allocate", (node) =>
    ts.isRegularExpressionLiteral(node),
  ),
  gate(
    "no-late-import",
    "there is one bundle: import at the top of the file",
    (node) => node.kind === K.ImportKeyword,
  ),
  gate(
    "no-text-search",
    'Espruino finds a text that the end cuts off, "key" in "link": search for one character, or split',
    (node) =>
      ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression) &&
      node.expression.name.text === "indexOf" &&
      node.arguments.some((argument) => ts.isStringLiteralLike(argument) && argument.text.length > 1),
  ),
  gate(
    "no-bitwise-time",
    "times and ids reach 2^53 and bitwise operators keep 32 bits: use Math.floor, division and remainder",
    (node) =>
      (operator(node, [...BITWISE, ...BITWISE_ASSIGNMENTS]) && (isWide(node.left) || isWide(node.right))) ||
      (ts.isPrefixUnaryExpression(node) && node.operator === K.TildeToken && isWide(node.operand)),
  ),
];
