/** What the option types declare, read by the compiler: the tables of names and values are compared with it. */
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "../tidy/repository.js";

/** The kinds of values that a member's type has. */
export type ValueType = "string" | "number" | "boolean" | "object" | "array" | "function" | "null";

/** A member of an interface. */
export interface Member {
  readonly name: string;
  readonly isOptional: boolean;
  readonly types: ReadonlySet<ValueType>;
  /** The texts and numbers that are allowed; empty: any of their type. */
  readonly literals: readonly (string | number)[];
}

function valueTypesOf(checker: ts.TypeChecker, type: ts.Type): ValueType[] {
  const { flags } = type;
  if (flags & ts.TypeFlags.StringLike) return ["string"];
  if (flags & ts.TypeFlags.NumberLike) return ["number"];
  if (flags & ts.TypeFlags.BooleanLike) return ["boolean"];
  if (flags & ts.TypeFlags.Null) return ["null"];
  if (type.getCallSignatures().length > 0) return ["function"];
  return [checker.isArrayType(type) ? "array" : "object"];
}

/** Reads the exported interfaces of a module, each by its name. */
export function declaredIn(path: string, configPath: string): (interfaceName: string) => readonly Member[] {
  const config = ts.readConfigFile(join(ROOT, configPath), ts.sys.readFile).config as object;
  const folder = join(ROOT, configPath, "..");
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  const lib = configPath.startsWith("firmware/") ? [join(ROOT, "firmware/lib/shared.d.ts")] : [];
  const program = ts.createProgram([join(ROOT, path), ...lib], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(join(ROOT, path));
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${path} is no module`);
  const exported = new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]));
  return (interfaceName) => {
    const alias = exported.get(interfaceName);
    if (alias === undefined) throw new Error(`${path} exports no ${interfaceName}`);
    const symbol = alias.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(alias) : alias;
    return checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)).map((member) => {
      const type = checker.getTypeOfSymbol(member);
      const parts = (type.isUnion() ? type.types : [type]).filter(
        ({ flags }) => (flags & ts.TypeFlags.Undefined) === 0,
      );
      const literals = parts.flatMap((part) => (part.isLiteral() ? [part.value as string | number] : []));
      return {
        name: member.name,
        isOptional: (member.flags & ts.SymbolFlags.Optional) !== 0,
        types: new Set(parts.flatMap((part) => valueTypesOf(checker, part))),
        literals: literals.length === parts.length ? literals : [],
      };
    });
  };
}
