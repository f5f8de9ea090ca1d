/** The sentences of a document in Markdown. */

/** A sentence as it stands there, and the heading above it. */
export interface Sentence {
  readonly section: string;
  readonly text: string;
}

/** A sentence ends with a full stop, perhaps within brackets or emphasis; what follows begins with a capital, a link or code. */
const BETWEEN = /(?<=[A-Za-z0-9)`*][.?!][)*]*) +(?=[(*[`"]*[A-Z`])/;

/** All sentences of a document, without lines that a command writes (`<!-- … -->`); of a table, each cell behind the first of its row, with what stands beside and above it. */
export function sentencesOf(markdown: string): Sentence[] {
  const found: Sentence[] = [];
  let section = "";
  let head: string[] | undefined;
  for (const line of markdown.split("\n")) {
    if (line.startsWith("|")) {
      const cells = line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim());
      if (head === undefined) head = cells;
      else if (!/^-+$/.test(cells[0] ?? ""))
        found.push(...inRow(cells, head).map((text) => ({ section, text })));
      continue;
    }
    head = undefined;
    const heading = /^#+ (.*)/.exec(line)?.[1];
    if (heading !== undefined) section = heading;
    else if (line !== "" && !line.startsWith("<!--")) {
      const sentences = line.replace(/^- /, "").split(BETWEEN);
      found.push(...sentences.map((text) => ({ section, text })));
    }
  }
  return found;
}

const inRow = ([name, ...cells]: readonly string[], [, ...head]: readonly string[]): string[] =>
  cells.map((cell, index) => `${name}, ${head[index]}: ${cell}`);
