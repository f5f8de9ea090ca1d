import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { at, ROOT } from "./repository.js";

/** All documents of the repository, from its root; transcripts that the tests read are none. */
export const DOCUMENTS = execFileSync("git", ["ls-files", "*.md", ":!test"], { cwd: ROOT, encoding: "utf8" })
  .trim()
  .split("\n");

/** A block of code in a document. */
export interface CodeBlock {
  /** `file:line`, both of the block's first line of code. */
  readonly name: string;
  readonly file: string;
  /** The heading above it, without `#`. */
  readonly heading: string;
  /** As the fence names it; empty for output. */
  readonly language: string;
  readonly text: string;
}

/** What a block is compiled as. */
export interface Surroundings {
  /** A tsconfig.json, from the repository's root. */
  readonly config: string;
  /** Where the block lies as a file, from the root: relative imports and type roots begin there. */
  readonly folder: string;
  /** Declarations of what the document takes as given. */
  readonly given?: string;
  /** Modules by the names that apps use, and their sources from the root. */
  readonly modules?: Readonly<Record<string, string>>;
}

/** The code blocks of a Markdown file. @param file from the repository's root */
export function blocksOf(file: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let heading = "";
  let open: { language: string; line: number; lines: string[] } | null = null;
  readFileSync(at(file), "utf8")
    .split("\n")
    .forEach((line, index) => {
      const fence = /^```(\w*)$/.exec(line);
      if (open === null && fence !== null) open = { language: fence[1] ?? "", line: index + 2, lines: [] };
      else if (open !== null && fence !== null) {
        const { language, line: from, lines } = open;
        blocks.push({ name: `${file}:${from}`, file, heading, language, text: `${lines.join("\n")}\n` });
        open = null;
      } else if (open !== null) open.lines.push(line);
      else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    });
  if (open !== null) throw new Error(`${file}: a code block does not end`);
  return blocks;
}

/** The block with our sources in place of the packages that it imports. */
export function fromSources({ text }: CodeBlock, modules: Readonly<Record<string, string>>): string {
  return text.replace(/from "([^"]+)"/g, (whole, name: string) => {
    const path = modules[name];
    return path === undefined ? whole : `from "${at(path.replace(/\.ts$/, ".js"))}"`;
  });
}

/** Type errors, a line each. JavaScript is checked as TypeScript whose parameters need no types. */
export function typeErrors(blocks: readonly CodeBlock[], surroundings: Surroundings): string[] {
  const { folder, given = "", modules = {} } = surroundings;
  const files = new Map<string, CodeBlock>();
  for (const [index, block] of blocks.entries()) files.set(at(join(folder, `block-${index}.ts`)), block);
  const textOf = (block: CodeBlock): string =>
    `${given.replaceAll("\n", " ")}\n${fromSources(block, modules)}`;

  const config = ts.getParsedCommandLineOfConfigFile(
    at(surroundings.config),
    {},
    HOST,
  ) as ts.ParsedCommandLine;
  const options: ts.CompilerOptions = {
    ...config.options,
    noImplicitAny: false,
    noEmit: true,
    incremental: false,
    rootDir: ROOT,
  };
  delete options.tsBuildInfoFile;
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists.call(host, path);
  host.readFile = (path) => {
    const block = files.get(path);
    return block === undefined ? readFile.call(host, path) : textOf(block);
  };
  host.getSourceFile = (path, ...rest) => {
    const block = files.get(path);
    return block === undefined
      ? getSourceFile.call(host, path, ...rest)
      : ts.createSourceFile(path, textOf(block), rest[0]);
  };
  const declarations = config.fileNames.filter((name) => name.endsWith(".d.ts"));
  const program = ts.createProgram([...files.keys(), ...declarations], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const where = (file && files.get(file.fileName)?.name) ?? file?.fileName ?? "";
    return `${where}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}

const HOST: ts.ParseConfigFileHost = {
  ...ts.sys,
  getCurrentDirectory: () => ROOT,
  onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
    throw new Error(ts.flattenDiagnosticMessageText(messageText, "\n"));
  },
};
