// Which property names of the firmware may be shortened: those that nobody outside of the bundle uses.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const FIRMWARE = join(dirname(fileURLToPath(import.meta.url)), "../firmware/");
/** Their names belong to the engines: the shared library. */
const ENGINE_FILES = [`${FIRMWARE}lib/shared.d.ts`];

const isOurs = (symbol) =>
  symbol.declarations?.some(({ parent }) => inFirmware(parent.getSourceFile())) === true;
const inFirmware = (file) => file.fileName.startsWith(FIRMWARE) && !ENGINE_FILES.includes(file.fileName);

/** The names of all members that are declared in the files that `accepts` lets through. */
function declaredMembers(program, accepts) {
  const names = new Set();
  const visit = (node) => {
    const isMember =
      ts.isPropertyDeclaration(node) ||
      ts.isPropertySignature(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isMethodSignature(node) ||
      ts.isAccessor(node) ||
      ts.isPropertyAssignment(node) ||
      ts.isShorthandPropertyAssignment(node);
    if (isMember && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  for (const file of program.getSourceFiles()) if (accepts(file)) visit(file);
  return names;
}

/** Private, or of the firmware's own modules among each other, which are all in one bundle: `@internal`. */
const isHidden = (node) =>
  ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private ||
  ts.getJSDocTags(node).some((tag) => tag.tagName.text === "internal");

/**
 * The names that apps can meet: members of everything that the entries export, and of what those lead to. Of a
 * class these are its methods and accessors, its fields only if it has nothing else: fields are for its own kind.
 */
function publicMembers(program, entries) {
  const checker = program.getTypeChecker();
  const names = new Set();
  const seen = new Set();

  const reachSignature = (signature) => {
    for (const parameter of signature.parameters) reach(checker.getTypeOfSymbol(parameter));
    reach(signature.getReturnType());
  };
  const reach = (type) => {
    if (seen.has(type) || type.symbol?.declarations?.some(isHidden)) return;
    seen.add(type);
    if (type.isUnionOrIntersection()) for (const part of type.types) reach(part);
    for (const signature of type.getCallSignatures()) reachSignature(signature);
    for (const signature of type.getConstructSignatures()) reach(signature.getReturnType());
    const isPublic = (member) => !member.declarations.some(isHidden);
    const members = checker.getPropertiesOfType(type).filter(isOurs).filter(isPublic);
    const isCallable = (member) => member.flags & (ts.SymbolFlags.Method | ts.SymbolFlags.Accessor);
    const shown = type.isClass() && members.some(isCallable) ? members.filter(isCallable) : members;
    for (const member of shown) {
      names.add(member.name);
      reach(checker.getTypeOfSymbol(member));
    }
  };

  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
    for (const alias of checker.getExportsOfModule(module)) {
      const symbol = alias.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(alias) : alias;
      if (symbol.flags & ts.SymbolFlags.Value) reach(checker.getTypeOfSymbol(symbol));
      if (symbol.flags & ts.SymbolFlags.Type) reach(checker.getDeclaredTypeOfSymbol(symbol));
    }
  }
  return names;
}

/**
 * The names that can be shortened, sorted.
 * @param names the entry points in firmware/: what apps see
 */
export function privateNames(names) {
  const entries = names.map((name) => FIRMWARE + name);
  const config = ts.getParsedCommandLineOfConfigFile(
    join(FIRMWARE, "tsconfig.json"),
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
        throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
      },
    },
  );
  const program = ts.createProgram([...config.fileNames, ...ENGINE_FILES, ...entries], config.options);
  const kept = new Set([
    ...publicMembers(program, entries),
    ...declaredMembers(program, (file) => ENGINE_FILES.includes(file.fileName)),
  ]);
  const all = declaredMembers(program, inFirmware);
  return [...all].filter((name) => !kept.has(name)).sort();
}
