/** The repository's documents as pages of the site: which there are, what they are called, where their links lead. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

const ROOT = join(import.meta.dirname, "..");

/** The documents in git, from the root, without what only the tests read. */
export const documents = (): string[] =>
  execFileSync("git", ["ls-files", "*.md", ":!test", ":!site", ":!.github"], { cwd: ROOT, encoding: "utf8" })
    .trim()
    .split("\n");

/** The documents' pictures, beside them. */
const pictures = (): string[] =>
  execFileSync("git", ["ls-files", "docs/*.svg"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");

/** A document's page: the root's README makes room for the front page, a folder's is its index. */
export const pageOf = (document: string): string =>
  document === "README.md" ? "overview.md" : document.replace(/README\.md$/, "index.md");

/** Where a link of a document leads on the site; undefined: it names a file of the repository, which is no page. */
function linkOf(document: string, link: string, pages: ReadonlySet<string>): string | undefined {
  if (/^(?:\w+:|#|\.\.\/api\/)/.test(link)) return link;
  const [path = "", anchor] = link.split("#");
  const target = posix.join(posix.dirname(document), path);
  const known = [target, posix.join(target, "README.md")].find((name) => pages.has(name));
  if (known === undefined) return undefined;
  const from = posix.dirname(pageOf(document));
  const to = posix.relative(from, pageOf(known));
  return `${to.startsWith(".") ? to : `./${to}`}${anchor === undefined ? "" : `#${anchor}`}`;
}

/** A link, whose name may be a picture, or a picture. */
const LINK = /(!?)\[((?:!\[[^\]]*\]\([^)\s]*\)|[^\]])*)\]\(([^)\s]+)\)/g;

/**
 * A document's text as the site's generator takes it: outside of code no HTML and no template, and links to what is
 * no page become plain names. Pictures stay where they are.
 * @param pages all documents
 */
export function pageText(document: string, text: string, pages: ReadonlySet<string>): string {
  let inFence = false;
  const lines = text.split("\n").map((line) => {
    const isFence = line.startsWith("```");
    if (isFence) inFence = !inFence;
    if (isFence || inFence || line.startsWith("<!--")) return line;
    const linked = line.replace(LINK, (whole, image: string, name: string, link: string) => {
      if (image !== "") return whole;
      const to = linkOf(document, link, pages);
      return to === undefined ? name : `[${name}](${to})`;
    });
    return linked
      .split(/(`+[^`]*`+)/)
      .map((part, index) =>
        index % 2 === 1 ? part : part.replaceAll("<", "&lt;").replaceAll("{{", "&#123;&#123;"),
      )
      .join("");
  });
  return lines.join("\n");
}

/** The entry points in docs/api.md lead to their pages of the reference. */
const withReference = (text: string): string =>
  text.replace(
    /^\| `(motekey[^`]*)` \|/gm,
    (_, name: string) => `| [\`${name}\`](../api/${referenceOf(name)}) |`,
  );

/** An entry point's page in the reference, without its end. */
export const referenceOf = (entry: string): string => entry.replace(/[^\w-]+/g, "-");

/** Their tables take the room of the outline, too. */
const WIDE = ["docs/proofs.md"];

/** Writes all documents as pages into a folder. */
export function stageDocuments(folder: string): void {
  const pages = new Set(documents());
  for (const document of pages) {
    const file = join(folder, pageOf(document));
    mkdirSync(dirname(file), { recursive: true });
    const settings = WIDE.includes(document) ? "---\npageClass: wide\naside: false\n---\n\n" : "";
    const text = readFileSync(join(ROOT, document), "utf8");
    const linked = document === "docs/api.md" ? withReference(text) : text;
    writeFileSync(file, settings + pageText(document, linked, pages));
  }
  for (const picture of pictures()) cpSync(join(ROOT, picture), join(folder, picture));
  cpSync(join(import.meta.dirname, "public"), join(folder, "public"), { recursive: true });
}
