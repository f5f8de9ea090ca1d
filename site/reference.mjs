// The reference of the API, made from the sources: a page of Markdown for each entry point in entries.json.
// node site/reference.mjs FOLDER; called by build.ts, which installs TypeDoc before.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Application, Converter, ReflectionKind } from "typedoc";

const ROOT = resolve(import.meta.dirname, "..");
const [target] = process.argv.slice(2);
const programs = JSON.parse(readFileSync(join(import.meta.dirname, "entries.json"), "utf8"));

/** What apps call of classes whose other public members are the core's own. */
const CALLED = {
  AuthClient: [
    ...["state", "counters", "onState", "host", "listTokens", "authenticate", "authorizeCommand", "call"],
    ...["suspend", "resume", "explain", "close"],
  ],
  Host: ["getToken", "generateToken", "revokeToken", "rejected"],
  Messages: ["constructor", "topic", "subscribe", "unsubscribe", "publish"],
  Scratch: ["constructor"],
};

/** A page's file, without its end: `motekey/cbor` is motekey-cbor. */
const fileOf = (name) => name.replace(/[^\w-]+/g, "-");

const SETTINGS = {
  plugin: ["typedoc-plugin-markdown"],
  logLevel: "Error",
  skipErrorChecking: true, // npm run check looks for errors
  readme: "none",
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  excludeExternals: true,
  disableSources: true,
  blockTags: ["@param", "@returns", "@throws", "@allocates", "@typeParam", "@template", "@see"],
  modifierTags: ["@construction", "@internal"],
  excludeTags: ["@construction", "@allocates"],
  outputFileStrategy: "modules",
  hideBreadcrumbs: true,
  hidePageHeader: true,
  pageTitleTemplates: { module: "{name}" },
  useCodeBlocks: true,
  parametersFormat: "table",
  enumMembersFormat: "table",
  interfacePropertiesFormat: "list",
};

for (const [tsconfig, entries] of Object.entries(programs)) {
  const out = mkdtempSync(join(target, "typedoc-"));
  const app = await Application.bootstrapWithPlugins({
    ...SETTINGS,
    tsconfig: join(ROOT, tsconfig),
    entryPoints: Object.values(entries).map((file) => join(ROOT, file)),
    basePath: ROOT,
    out,
  });
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
    if (reflection.parent?.isProject() !== true) return;
    const source = reflection.project.getSymbolIdFromReflection(reflection)?.fileName;
    const name = Object.keys(entries).find((key) => join(ROOT, entries[key]) === source);
    if (name !== undefined) reflection.name = fileOf(name);
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => hideInner(project));
  const project = await app.convert();
  if (project === undefined) throw new Error(`TypeDoc read nothing by ${tsconfig}`);
  await app.generateOutputs(project);

  for (const [name, source] of Object.entries(entries)) {
    const file = `${fileOf(name)}.md`;
    if (!readdirSync(out).includes(file)) throw new Error(`TypeDoc made no page for ${source}`);
    const text = readFileSync(join(out, file), "utf8").replace(/^# .*$/m, `# ${name}`);
    writeFileSync(join(target, file), text);
  }
  rmSync(out, { recursive: true });
}

repairAnchors();

/** TypeDoc counts some headings twice, and links to `#name-1` where there is only `#name`. */
function repairAnchors() {
  const pages = readdirSync(target).filter((file) => file.endsWith(".md"));
  const texts = new Map(pages.map((file) => [file, readFileSync(join(target, file), "utf8")]));
  const countIn = (text, anchor) =>
    [...text.matchAll(/^#+ (.*)$/gm)].filter(
      ([, heading]) => heading.toLowerCase().replace(/[^\w-]/g, "") === anchor,
    ).length;
  for (const [file, text] of texts) {
    const repaired = text.replace(/\]\(([\w-]+\.md)?#(\w+)-(\d+)\)/g, (link, page = "", anchor, number) => {
      const count = countIn(texts.get(page || file) ?? "", anchor);
      return count <= Number(number) && count > 0
        ? `](${page}#${anchor}${count > 1 ? `-${count - 1}` : ""})`
        : link;
    });
    writeFileSync(join(target, file), repaired);
  }
}

/** Takes out what a class of {@link CALLED} has for the core. */
function hideInner(project) {
  for (const reflection of Object.values(project.reflections)) {
    const called = reflection.kindOf(ReflectionKind.Class) ? CALLED[reflection.name] : undefined;
    for (const child of called === undefined ? [] : [...reflection.children])
      if (!called.includes(child.name)) project.removeReflection(child);
  }
}
