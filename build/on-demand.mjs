// Functions that are made when they are needed: on Espruino each function that a module has is five variables and one
// for each parameter, wherever its text lies. Those of a group are declared within one function, which a call of any
// of them makes, runs and forgets; among each other they are called as ever.
import ts from "typescript";

const isFunction = (node) => ts.isArrowFunction(node) || ts.isFunctionExpression(node);

/** The functions that a statement at the top declares, by name; undefined: it is anything else. */
function functionNameOf(statement) {
  if (ts.isFunctionDeclaration(statement)) return statement.name.text;
  if (!ts.isVariableStatement(statement) || statement.declarationList.declarations.length !== 1)
    return undefined;
  const [{ name, initializer }] = statement.declarationList.declarations;
  return initializer !== undefined && isFunction(initializer) ? name.text : undefined;
}

/**
 * A bundle of esbuild's, not minified, with the functions of some files made on demand.
 * @param groups a group's name to its files, as the bundle's comments name them
 */
export function withGroups(bundle, groups) {
  const file = ts.createSourceFile("bundle.js", bundle, ts.ScriptTarget.Latest, true);
  const groupOfFile = new Map();
  for (const [group, paths] of Object.entries(groups)) for (const path of paths) groupOfFile.set(path, group);
  const members = new Map(Object.keys(groups).map((group) => [group, []]));
  const places = new Map();
  let group;
  for (const statement of file.statements) {
    const comment = [...bundle.slice(statement.pos, statement.getStart()).matchAll(/^\/\/ (\S+\.ts)$/gm)].at(
      -1,
    );
    if (comment !== undefined) group = groupOfFile.get(comment[1]);
    const name = group === undefined ? undefined : functionNameOf(statement);
    if (name === undefined) continue;
    places.set(name, { group, place: members.get(group).length });
    members.get(group).push(statement);
  }
  const edits = [];
  const visit = (node, within, locals, depth = 0) => {
    if (ts.isIdentifier(node) && places.has(node.text) && !locals.has(node.text)) {
      const { group: callee, place } = places.get(node.text);
      const { parent } = node;
      const isShorthand = ts.isShorthandPropertyAssignment(parent);
      const isName =
        (parent.name === node && !isShorthand) ||
        (ts.isPropertyAccessExpression(parent) && parent.name === node);
      if (ts.isVariableDeclaration(parent) && parent.name === node && depth > 0)
        throw new Error(`${node.text} is also a variable within a function; rename one of them`);
      // A function within one of the group may be called when the group's own are gone.
      if (!isName && (callee !== within || depth > 1)) {
        const isCalled = ts.isCallExpression(parent) && parent.expression === node;
        const comma = isCalled && parent.arguments.length > 0 ? ", " : "";
        edits.push(
          isCalled
            ? { from: node.getStart(), to: parent.arguments.pos, text: `${callee}(${place}${comma}` }
            : {
                from: node.getStart(),
                to: node.end,
                text: `${isShorthand ? `${node.text}: ` : ""}${callee}.bind(null, ${place})`,
              },
        );
      }
    }
    let inner = locals;
    if (ts.isFunctionLike(node)) {
      inner = new Set(locals);
      for (const { name } of node.parameters) if (ts.isIdentifier(name)) inner.add(name.text);
    }
    ts.forEachChild(node, (child) =>
      visit(child, within, inner, ts.isFunctionLike(node) ? depth + 1 : depth),
    );
  };
  for (const statement of file.statements) {
    const name = functionNameOf(statement);
    visit(statement, name === undefined ? undefined : places.get(name)?.group, new Set());
  }
  edits.sort((one, other) => one.from - other.from);
  const textOf = (from, to) => {
    let text = "";
    let at = from;
    for (const edit of edits)
      if (edit.from >= from && edit.to <= to) {
        text += bundle.slice(at, edit.from) + edit.text;
        at = edit.to;
      }
    return text + bundle.slice(at, to);
  };
  let result = "";
  const grouped = new Set([...members.values()].flat());
  for (const statement of file.statements)
    if (!grouped.has(statement)) result += textOf(statement.pos, statement.end);
  let made = "";
  for (const [name, statements] of members) {
    if (statements.length === 0) continue;
    const most = Math.max(
      ...statements.map((statement) =>
        ts.isFunctionDeclaration(statement)
          ? statement.parameters.length
          : statement.declarationList.declarations[0].initializer.parameters.length,
      ),
    );
    const names = statements.map(functionNameOf);
    const parameters = Array.from({ length: most }, (_, i) => `, argument${i}`).join("");
    const texts = statements.map((statement) => textOf(statement.getStart(), statement.end)).join("\n");
    // What refers to its scope is not freed by itself: the group lets go of its functions.
    made += `
function ${name}(which${parameters}) {
${texts}
var result = [${names.join(", ")}][which](${parameters.slice(2)});
${names.join(" = ")} = 0;
return result;
}
`;
  }
  return result + made;
}
