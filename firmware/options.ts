/**
 * What an app hands in is checked against a closed table before any of it is used. Apps on microcontrollers are plain
 * JavaScript, where a misspelt name is an option that was never given.
 */

/** What an option may be, where it is no group of options and no choice of words. */
export enum Kind {
  /** Text, which may be empty. */
  TEXT,
  /** Text that is not empty. */
  NAME,
  /** Text or a Uint8Array. What was given is never shown. */
  KEY,
  FLAG,
  FUNCTION,
  /** A `LinkSecurity`. */
  LINK,
  /** A TCP port. */
  PORT,
  /** A whole number from 1 on, with room to count on. */
  COUNT,
  /** A whole number from 0 on. */
  WHOLE,
  /** A number from 0 on. */
  AMOUNT,
  /** Added to another kind: the option cannot be left out. */
  NEEDED = 16,
}

/** Options within an option. */
export interface Group {
  readonly rows: Rows;
  readonly isNeeded?: boolean;
  /** Other members are not looked at: it is an object with a life of its own, such as a port. */
  readonly isOpen?: boolean;
  /** An array of such groups. */
  readonly isList?: boolean;
}

/** A {@link Kind}, the words that are allowed, or a group. */
export type Rule = number | readonly string[] | Group;

/** A rule per option. */
export interface Rows {
  readonly [name: string]: Rule;
}

/** The rows of an interface: an option without a row does not compile. */
export type RowsOf<Options> = { readonly [name in keyof Options]-?: Rule };

interface Given {
  readonly [name: string]: unknown;
}

/** The last counters are left, so that counting never reaches the end of 53 bits. */
const COUNTER_MAX = 9_007_199_254_000_000;
const WHOLE_MAX = 9_007_199_254_740_991;
/** As much of a name or value as an error shows. */
const SHOWN_MAX = 40;

const isWhole = (value: unknown, least: number, most: number): boolean =>
  typeof value === "number" && value >= least && value <= most && Math.floor(value) === value;

const fits = (kind: number, value: unknown): boolean => {
  switch (kind) {
    case Kind.TEXT:
      return typeof value === "string";
    case Kind.NAME:
      return typeof value === "string" && value.length > 0;
    case Kind.KEY:
      return typeof value === "string" || value instanceof Uint8Array;
    case Kind.FLAG:
      return value === true || value === false;
    case Kind.FUNCTION:
      return typeof value === "function";
    case Kind.LINK:
      return isWhole(value, 0, 4);
    case Kind.PORT:
      return isWhole(value, 1, 65_535);
    case Kind.COUNT:
      return isWhole(value, 1, COUNTER_MAX);
    case Kind.WHOLE:
      return isWhole(value, 0, WHOLE_MAX);
    default:
      return typeof value === "number" && value >= 0;
  }
};

/** @construction */
const wordsOf = (kind: number): string[] =>
  kind === Kind.LINK
    ? ["0 (PLAIN)", "1 (UNVERIFIED_TLS)", "2 (VERIFIED_TLS)", "3 (MUTUAL_TLS)", "4 (PSK_TLS)"]
    : [
        [
          "text",
          "text that is not empty",
          "text or a Uint8Array",
          "true or false",
          "a function",
          "",
          "a whole number from 1 to 65535",
          "a whole number from 1 on",
          "a whole number from 0 on",
          "a number from 0 on",
        ][kind],
      ];

/** Edits from one word to another, upper and lower case alike (Levenshtein). @construction */
const distance = (one: string, other: string): number => {
  const row = [0];
  for (let i = 1; i <= other.length; i++) row.push(i);
  for (let i = 0; i < one.length; i++) {
    let corner = i;
    row[0] = i + 1;
    for (let k = 0; k < other.length; k++) {
      const isSame = (one.charCodeAt(i) | 32) === (other.charCodeAt(k) | 32);
      const edits = isSame ? corner : 1 + Math.min(corner, Math.min(row[k], row[k + 1]));
      corner = row[k + 1];
      row[k + 1] = edits;
    }
  }
  return row[other.length];
};

/** The words, the nearest to what was given first. @construction */
const listed = (words: readonly string[], given: string): string => {
  let nearest = 0;
  for (let i = 1; i < words.length; i++)
    if (distance(given, words[i]) < distance(given, words[nearest])) nearest = i;
  let text = words[nearest];
  for (let i = 0; i < words.length; i++) if (i !== nearest) text += `, ${words[i]}`;
  return text;
};

/** @construction */
const namesIn = (rows: Rows): readonly string[] => {
  const names: string[] = [];
  for (const name in rows) names.push(name);
  return names;
};

/** What a value is, in words: itself only where it can be no secret. @construction */
const shown = (value: unknown, isShown: boolean): string => {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (isShown && typeof value === "string") return `"${value.substr(0, SHOWN_MAX)}"`;
  if (isShown && (typeof value === "number" || typeof value === "boolean")) return `${value}`;
  if (typeof value === "string") return "text";
  return Array.isArray(value) ? "an array" : `of type ${typeof value}`;
};

/** @construction */
const refuse = (path: string, value: unknown, isShown: boolean, words: readonly string[]): never => {
  const given = isShown && typeof value === "string" ? value.substr(0, SHOWN_MAX) : "";
  const allowed = listed(words, given);
  throw new Error(`motekey: ${path} is ${shown(value, isShown)}; it must be ${allowed}`);
};

const isWords = (rule: Rule): rule is readonly string[] => Array.isArray(rule);

/** @construction */
const checkOption = (path: string, value: unknown, rule: Rule): void => {
  if (typeof rule === "number") {
    const kind = rule % Kind.NEEDED;
    if (value === undefined ? rule !== kind : !fits(kind, value))
      refuse(path, value, kind !== Kind.KEY, wordsOf(kind));
  } else if (!isWords(rule)) {
    if (value !== undefined || rule.isNeeded === true) checkGroup(path, value, rule);
  } else if (value !== undefined && rule.indexOf(value as string) < 0) refuse(path, value, true, rule);
};

/**
 * Checks what was given against a table: each name and each value.
 * @param path how errors name the group; empty: its options have no prefix
 * @construction
 * @throws Error that names the first option which cannot be right, what it is, and what is allowed
 */
export const checkGroup = (path: string, value: unknown, group: Group): void => {
  const names = namesIn(group.rows);
  const isList = group.isList === true;
  if (typeof value !== "object" || value === null || Array.isArray(value) !== isList)
    refuse(path === "" ? "options" : path, value, false, [
      `${isList ? "an array of objects" : "an object"} with ${names.join(", ")}`,
    ]);
  const given = value as Given;
  if (isList) {
    const list = value as readonly unknown[];
    for (let i = 0; i < list.length; i++) checkGroup(`${path}[${i}]`, list[i], { rows: group.rows });
    return;
  }
  const prefix = path === "" ? "" : `${path}.`;
  if (group.isOpen !== true) {
    for (const name in given)
      if (names.indexOf(name) < 0)
        throw new Error(
          `motekey: ${prefix}${name.substr(0, SHOWN_MAX)} is no option; there are ${listed(names, name.substr(0, SHOWN_MAX))}`,
        );
  }
  for (let i = 0; i < names.length; i++)
    checkOption(prefix + names[i], given[names[i]], group.rows[names[i]]);
};
