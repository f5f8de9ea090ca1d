// An esbuild plugin: a file's own constant numbers in the place of their names. esbuild does that only in files
// without imports; on Espruino each name less is a variable less, and a step less in most look-ups.
import { readFile } from "node:fs/promises";
import ts from "typescript";

/** The constants of the file that are numbers, by name, as they are written. */
function numbersOf(file) {
  const numbers = new Map();
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement) || statement.modifiers !== undefined) continue;
    if (!(statement.declarationList.flags & ts.NodeFlags.Const)) continue;
    for (const { name, initializer } of statement.declarationList.declarations)
      if (initializer !== undefined && ts.isNumericLiteral(initializer))
        numbers.set(name.text, initializer.text);
  }
  return numbers;
}

/** The TypeScript source with each use of these constants replaced; what has the name for its own keeps it. */
export function withNumbers(source) {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true);
  const numbers = numbersOf(file);
  let text = "";
  let at = 0;
  const visit = (node) => {
    if (ts.isIdentifier(node) && node.parent.name !== node && numbers.has(node.text)) {
      text += source.slice(at, node.getStart()) + numbers.get(node.text);
      at = node.end;
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return text + source.slice(at);
}

export const numbers = {
  name: "numbers",
  setup({ onLoad }) {
    onLoad({ filter: /firmware\/.*\.ts$/ }, async ({ path }) => ({
      contents: withNumbers(await readFile(path, "utf8")),
      loader: "ts",
    }));
  },
};
