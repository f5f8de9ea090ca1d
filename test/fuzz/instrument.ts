import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import ts from "typescript";

/** What is counted: the firmware, and the planted bug that proves that the fuzzer finds one. */
const COUNTED = /\/(firmware\/.*|test\/fuzz\/planted)\.ts$/;

/** Makes each branch of a file count how often it is taken, under the numbers that `next` gives. */
function counting(next: () => number): ts.TransformerFactory<ts.SourceFile> {
  return (context) => {
    const f = context.factory;
    const hit = (): ts.Expression =>
      f.createPostfixIncrement(f.createElementAccessExpression(f.createIdentifier("__hits"), next()));
    const hitStatement = (): ts.Statement => f.createExpressionStatement(hit());
    const block = (statement?: ts.Statement): ts.Block =>
      f.createBlock(statement === undefined ? [hitStatement()] : [hitStatement(), statement]);
    const marked = (value: ts.Expression): ts.Expression =>
      f.createParenthesizedExpression(f.createComma(hit(), f.createParenthesizedExpression(value)));

    const visit = (original: ts.Node): ts.Node => {
      const node = ts.visitEachChild(original, visit, context);
      if (ts.isIfStatement(node))
        return f.updateIfStatement(
          node,
          node.expression,
          block(node.thenStatement),
          block(node.elseStatement),
        );
      if (ts.isWhileStatement(node))
        return f.updateWhileStatement(node, node.expression, block(node.statement));
      if (ts.isDoStatement(node)) return f.updateDoStatement(node, block(node.statement), node.expression);
      if (ts.isForStatement(node)) {
        const { initializer, condition, incrementor, statement } = node;
        return f.updateForStatement(node, initializer, condition, incrementor, block(statement));
      }
      if (ts.isCaseClause(node))
        return f.updateCaseClause(node, node.expression, [hitStatement(), ...node.statements]);
      if (ts.isDefaultClause(node)) return f.updateDefaultClause(node, [hitStatement(), ...node.statements]);
      if (ts.isConditionalExpression(node)) {
        const { condition, questionToken, whenTrue, colonToken, whenFalse } = node;
        const [first, second] = [marked(whenTrue), marked(whenFalse)];
        return f.updateConditionalExpression(node, condition, questionToken, first, colonToken, second);
      }
      const isJunction =
        ts.isBinaryExpression(node) &&
        [ts.SyntaxKind.AmpersandAmpersandToken, ts.SyntaxKind.BarBarToken].includes(node.operatorToken.kind);
      return isJunction
        ? f.updateBinaryExpression(node, node.left, node.operatorToken, marked(node.right))
        : node;
    };
    return (file) => ts.visitEachChild(file, visit, context);
  };
}

/** A module's exports, with every branch of the firmware counted in {@link hits}. */
export interface Instrumented<Module> {
  module: Module;
  /** How often each branch was taken, modulo 256; the fuzzer sets it to 0. */
  hits: Uint8Array;
}

/** Bundles a TypeScript module with counters and loads it. */
export async function instrumented<Module>(file: URL): Promise<Instrumented<Module>> {
  let branches = 0;
  const plugin: Plugin = {
    name: "count",
    setup: ({ onLoad }) => {
      onLoad({ filter: COUNTED }, async ({ path }) => {
        const { outputText } = ts.transpileModule(await readFile(path, "utf8"), {
          fileName: path,
          compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
          transformers: { before: [counting(() => branches++)] },
        });
        return { contents: outputText, loader: "js" };
      });
    },
  };
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(file)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    plugins: [plugin],
  });
  const source = `export const __hits = new Uint8Array(${branches});\n${outputFiles[0].text}`;
  const loaded = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
  return { module: loaded as Module, hits: loaded.__hits };
}
