import ts from "typescript";

/** One file of the repository, as the rules see it. */
export interface SourceText {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The syntax tree; made when it is first asked for, so that Markdown is never parsed as TypeScript. */
  readonly tree: ts.SourceFile;
}

/** Told by a rule for each place that breaks it. */
export type Report = (line: number, detail?: string) => void;

/** A rule over single files: what it is called, why it exists, where it holds, and how it is checked. */
export interface Rule {
  readonly name: string;
  /** One sentence for the person whose code was refused: the reason, or what to write instead. */
  readonly why: string;
  holdsIn(path: string): boolean;
  check(file: SourceText, report: Report): void;
}

/** Wraps a file's text. */
export function sourceText(path: string, text: string): SourceText {
  let tree: ts.SourceFile | undefined;
  return {
    path,
    text,
    get tree(): ts.SourceFile {
      tree ??= ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
      return tree;
    },
  };
}

/** All places in a file that break a rule, as `path:line [rule] why (detail)`. */
export function findings(rule: Rule, file: SourceText): string[] {
  const found: string[] = [];
  rule.check(file, (line, detail) => {
    const more = detail === undefined ? "" : ` (${detail})`;
    found.push(`${file.path}:${line} [${rule.name}] ${rule.why}${more}`);
  });
  return found;
}

/** Calls `visit` for a node and all nodes below it, in the order of the text. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The line of a node's first character, from 1. */
export function lineOf(node: ts.Node): number {
  const source = node.getSourceFile();
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

/** A rule that refuses every node of the tree for which `refuses` is true. */
export function nodeRule(
  name: string,
  why: string,
  holdsIn: (path: string) => boolean,
  refuses: (node: ts.Node, path: string) => boolean,
): Rule {
  return {
    name,
    why,
    holdsIn,
    check: (file, report) =>
      walk(file.tree, (node) => {
        if (refuses(node, file.path)) report(lineOf(node));
      }),
  };
}

/** A rule that refuses every line that matches `pattern`. */
export function lineRule(
  name: string,
  why: string,
  holdsIn: (path: string) => boolean,
  pattern: RegExp,
): Rule {
  return {
    name,
    why,
    holdsIn,
    check: (file, report) => {
      file.text.split("\n").forEach((line, index) => {
        if (pattern.test(line)) report(index + 1);
      });
    },
  };
}

/** True for an identifier that reads or writes a name in scope: no member, no declaration, no type. */
export function isReference(node: ts.Node): node is ts.Identifier {
  if (!ts.isIdentifier(node)) return false;
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isImportClause(parent)) return false;
  if ((parent as { name?: ts.Node }).name === node) return false;
  return ts.findAncestor(parent, ts.isTypeNode) === undefined;
}

/** True when a function declares `name` itself, as a parameter or a variable. */
export function declares(owner: ts.Node, name: string): boolean {
  let found = false;
  walk(owner, (node) => {
    if (!ts.isParameter(node) && !ts.isVariableDeclaration(node)) return;
    if (ts.isIdentifier(node.name) && node.name.text === name) found = true;
  });
  return found;
}

/** True where a function around `node` gives `name` a nearer meaning than the module does. */
export function isShadowed(node: ts.Node, name: string): boolean {
  const owner = ts.findAncestor(node.parent, ts.isFunctionLike);
  return owner !== undefined && (declares(owner, name) || isShadowed(owner, name));
}

/** The last name of `a`, `this.a`, `x.y.a` or `this.a[i]`; empty for anything else. */
export function lastName(node: ts.Node): string {
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isPropertyAccessExpression(node)) return node.name.text;
  if (ts.isElementAccessExpression(node) || ts.isParenthesizedExpression(node))
    return lastName(node.expression);
  return "";
}
