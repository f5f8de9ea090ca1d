/** The imports of all files together: no circles, no dead files. */
import ts from "typescript";
import { importsOf, isBare, resolve } from "./imports.js";
import { lineOf, type SourceText, walk } from "./rule.js";

/** Paths, each with the paths that it imports. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/**
 * The imports between our own files. A text such as `"./worker.js"` counts too: workers are named so.
 */
export function importGraph(files: readonly SourceText[]): Graph {
  return new Map(
    files.map((file) => {
      const targets = importsOf(file).map(({ target }) => target);
      walk(file.tree, (node) => {
        if (ts.isStringLiteralLike(node) && /^\.\.?\/.*\.[jt]s$/.test(node.text))
          targets.push(resolve(file.path, node.text));
      });
      return [file.path, targets.filter((target) => !isBare(target))];
    }),
  );
}

/** One circle of imports as `a → b → a`, or undefined where there is none. */
export function circle(graph: Graph): string | undefined {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path].join(" → ");
    if (done.has(path)) return undefined;
    for (const target of graph.get(path) ?? []) {
      const found = visit(target, [...trail, path]);
      if (found !== undefined) return found;
    }
    done.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const found = visit(path, []);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The files of the graph that no entry point leads to. */
export function unreached(graph: Graph, entries: readonly string[]): string[] {
  const reached = new Set<string>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    open.push(...(graph.get(path) ?? []));
  }
  return [...graph.keys()].filter((path) => !reached.has(path));
}

/**
 * The classes whose base has a base itself, as `path:line name`: `super.m()` across three levels recurses without
 * end on Espruino. Classes of one name are taken for one.
 */
export function grandchildren(files: readonly SourceText[]): string[] {
  const heirs: { name: string; base: string; place: string }[] = [];
  for (const file of files) {
    walk(file.tree, (node) => {
      if (!ts.isClassDeclaration(node)) return;
      const clause = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword);
      const [base] = clause?.types ?? [];
      if (base === undefined || node.name === undefined) return;
      heirs.push({ name: node.name.text, base: base.getText(), place: `${file.path}:${lineOf(node)}` });
    });
  }
  const names = new Set(heirs.map(({ name }) => name));
  return heirs.filter(({ base }) => names.has(base)).map(({ name, place }) => `${place} ${name}`);
}
