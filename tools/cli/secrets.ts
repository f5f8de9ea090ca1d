/** The secrets that one run has met, and texts without them: whoever made a text may have quoted one. */
import { inspect } from "node:util";
import { printable } from "./failure.js";

/** What stands in a secret's place. */
const STARS = "***";
/** Shorter ones are in every sentence: they count where something quotes them. */
const LENGTH_MIN = 4;
/** As much of a secret is taken out wherever it stands. Less is no cut secret but a word. */
const RUN_MIN = 16;
/** A run of {@link RUN_MIN} holds a whole block that begins at a multiple of this. */
const BLOCK = RUN_MIN / 2;
/** Base64 of a few bytes may stand in anything. */
const ENCODED_MIN = 6;

/** From `start` to before `end`. */
type Range = readonly [start: number, end: number];

/** Secrets of one run, known from the moment they come in; {@link without} is for all that leaves it. */
export class Secrets {
  private readonly known = new Set<string>();
  private readonly names = new Set<string>();
  private forms: Forms | null = null;

  /** Remembers secrets: nothing said from now on holds one. */
  keep(...secrets: readonly (string | null | undefined)[]): void {
    for (const secret of secrets) {
      for (const text of [secret ?? "", secret?.trim() ?? ""]) {
        if (text !== "") this.known.add(text);
      }
    }
    this.forms = null;
  }

  /** The same for a key, however it would be written down. */
  keepBytes(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes);
    this.keep(buffer.toString("hex"), buffer.toString("hex").toUpperCase(), buffer.toString("base64"));
  }

  /** The same for the base64 of a private key in PEM, line by line; its first and last line are the same for all. */
  keepPem(pem: string): void {
    this.keep(...pem.split(/\s+/).filter((line) => line.length >= RUN_MIN && !line.includes("-----")));
  }

  /** Names that are shown by design: one that equals a secret is shown all the same. */
  show(...names: readonly (string | null | undefined)[]): void {
    for (const name of names) if (name) this.names.add(name);
    this.forms = null;
  }

  /**
   * The text with asterisks for secrets: whole, cut, quoted, or as JSON, URLs, forms and Basic credentials write them.
   * One of 1 to 3 characters is taken out where it stands in quotes or after `=`; a cut may leave three characters.
   */
  without(text: string): string {
    this.forms ??= new Forms(
      [...this.known].filter((secret) => !this.names.has(secret)),
      [...this.names],
    );
    return starred(text, [...this.forms.rangesIn(text), ...passwordsOfUrls(text)]);
  }

  /** The same for all texts within a JSON value, but for the names of its members. */
  withoutIn(value: unknown): unknown {
    if (typeof value === "string") return this.without(value);
    if (Array.isArray(value)) return value.map((item) => this.withoutIn(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.withoutIn(item)]));
  }
}

/** All the ways in which secrets may be written, looked up by the blocks of each. */
class Forms {
  private readonly whole: string[] = [];
  private readonly short: string[] = [];
  private readonly blocks = new Map<string, { readonly form: string; readonly at: number }[]>();

  constructor(
    secrets: readonly string[],
    private readonly names: readonly string[],
  ) {
    const forms = new Set(secrets.flatMap(writtenForms));
    for (const form of forms) {
      if (form.length < LENGTH_MIN) this.short.push(form);
      else this.whole.push(form);
      for (let at = 0; at + BLOCK <= form.length; at += BLOCK) {
        const block = form.slice(at, at + BLOCK);
        const places = this.blocks.get(block);
        if (places === undefined) this.blocks.set(block, [{ form, at }]);
        else places.push({ form, at });
      }
    }
  }

  *rangesIn(text: string): Iterable<Range> {
    for (const form of this.whole) yield* occurrences(text, form);
    for (const form of this.short) yield* quoted(text, form);
    const names = this.names.flatMap((name) => [...occurrences(text, name)]);
    for (const [start, end] of this.runs(text)) {
      // A name that is part of a secret is a name.
      if (!names.some(([from, to]) => from <= start && end <= to)) yield [start, end];
    }
    for (const mark of text.matchAll(/…|\.\.\./g)) {
      for (const form of this.whole) yield* besideCut(text, form, mark.index, mark.index + mark[0].length);
    }
  }

  /** Long parts of a secret, wherever it was cut. */
  private *runs(text: string): Iterable<Range> {
    if (this.blocks.size === 0) return;
    for (let index = 0; index + BLOCK <= text.length; index++) {
      for (const { form, at } of this.blocks.get(text.slice(index, index + BLOCK)) ?? []) {
        let before = 0;
        while (before < Math.min(index, at) && text[index - before - 1] === form[at - before - 1]) before++;
        let after = BLOCK;
        while (at + after < form.length && text[index + after] === form[at + after]) after++;
        if (before + after >= RUN_MIN) yield [index - before, index + after];
      }
    }
  }
}

/** A secret as people, JSON, Node, URLs, forms and Basic credentials (RFC 7617, RFC 6749 section 2.3.1) write it. */
function writtenForms(secret: string): string[] {
  const wellFormed = Buffer.from(secret).toString();
  const json = inner(JSON.stringify(secret));
  const form = new URLSearchParams([["", wellFormed]]).toString().slice(1);
  const percent = encodeURIComponent(wellFormed);
  const plain = [
    secret,
    printable(secret, Number.POSITIVE_INFINITY),
    json,
    inner(JSON.stringify(json)),
    inner(inspect(secret)),
    ...[form, percent].flatMap((text) => [text, text.replace(/%../g, (code) => code.toLowerCase())]),
    // What control characters part may be shown part by part.
    ...secret.split(/\p{Cc}+/u).filter((part) => part.length >= ENCODED_MIN),
  ];
  const encoded = [secret, form].flatMap(base64Forms).filter((text) => text.length >= ENCODED_MIN);
  return [...plain.filter((text) => text.length >= Math.min(secret.length, LENGTH_MIN)), ...encoded];
}

const inner = (quotedText: string): string => quotedText.slice(1, -1);

/** The characters of base64 that a secret alone decides, after 0, 1 or 2 bytes modulo 3 of something else. */
function base64Forms(secret: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    const from = Math.ceil((offset * 8) / 6);
    const to = Math.floor((bytes.length * 8) / 6);
    return [bytes.toString("base64"), bytes.toString("base64url")].map((text) => text.slice(from, to));
  });
}

function* occurrences(text: string, form: string): Iterable<Range> {
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) yield [at, at + form.length];
}

const QUOTES = "\"'`=";
function* quoted(text: string, form: string): Iterable<Range> {
  for (const [start, end] of occurrences(text, form)) {
    const isOpened = start > 0 && QUOTES.includes(text.charAt(start - 1));
    if (isOpened && /^(["'`&,;.)\s]|$)/.test(text.slice(end))) yield [start, end];
  }
}

/** What is left of a secret before and after the mark of a cut. */
function* besideCut(text: string, form: string, markStart: number, markEnd: number): Iterable<Range> {
  const before = text.slice(0, markStart).replace(/["'`]$/, "");
  const gap = /^["'`]?/.exec(text.slice(markEnd))?.[0].length ?? 0;
  const after = text.slice(markEnd + gap);
  for (let length = form.length - 1; length >= LENGTH_MIN; length--) {
    if (before.endsWith(form.slice(0, length))) yield [before.length - length, before.length];
    if (after.startsWith(form.slice(-length))) yield [markEnd + gap, markEnd + gap + length];
  }
}

/** `user:password@` in any address, known or not. */
function* passwordsOfUrls(text: string): Iterable<Range> {
  for (const { index, 1: before = "", 2: password = "" } of text.matchAll(
    /([a-z][a-z\d+.-]*:\/\/[^\s/?#@:'"]*:)([^\s/?#'"]+)@/gi,
  )) {
    yield [index + before.length, index + before.length + password.length];
  }
}

function starred(text: string, ranges: readonly Range[]): string {
  let result = "";
  let end = 0;
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    if (from > end || (from === end && end === 0)) result += text.slice(end, from) + STARS;
    end = Math.max(end, to);
  }
  return result + text.slice(end);
}
