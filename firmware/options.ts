/**
 * What an app hands in is checked against a closed table before any of it is used. Apps on microcontrollers are plain
 * JavaScript, where a misspelt option is silently absent.
 */

/** What an option may be, where it is no group of options and no choice of words. */
export enum Kind {
  /** Text, which may be empty. */
  TEXT,
  /** Text that is not empty. */
  NAME,
  /** Text or a Uint8Array. Errors never show it. */
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
  /** Added to another kind: the option is required. */
  NEEDED = 16,
}

/** Options within an option. */
export interface Group {
  readonly rows: Rows;
  readonly isNeeded?: boolean;
  /** Ignores other members: it is a live object, such as a port. */
  readonly isOpen?: boolean;
  /** An array of such groups. */
  readonly isList?: boolean;
  /** A value from one of our modules, recognized by a function with the first row's name; the module's name is for errors. */
  readonly from?: string;
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

/** Keeps the last counters unused, so that counting never reaches the end of 53 bits. */
const NUMBER_MAX = 9_007_199_254_000_000;

const leastOf = (kind: number): number => (kind === Kind.PORT || kind === Kind.COUNT ? 1 : 0);

const mostOf = (kind: number): number => {
  if (kind === Kind.LINK) return 4;
  return kind === Kind.PORT ? 65_535 : NUMBER_MAX;
};

const fits = (kind: number, value: unknown): boolean => {
  if (kind === Kind.FLAG) return typeof value === "boolean";
  if (kind === Kind.FUNCTION) return typeof value === "function";
  if (typeof value === "number") {
    if (kind < Kind.LINK || (kind !== Kind.AMOUNT && Math.floor(value) !== value)) return false;
    return value >= leastOf(kind) && value <= mostOf(kind);
  }
  if (typeof value === "string") return kind < Kind.FLAG && (kind !== Kind.NAME || value.length > 0);
  return kind === Kind.KEY && value instanceof Uint8Array;
};

/** What is allowed, in words. @construction */
const wordsOf = (kind: number): readonly string[] => {
  if (kind === Kind.LINK)
    return "0 (PLAIN),1 (UNVERIFIED_TLS),2 (VERIFIED_TLS),3 (MUTUAL_TLS),4 (PSK_TLS)".split(",");
  if (kind < Kind.LINK)
    return ["text,text that is not empty,text or a Uint8Array,true or false,a function".split(",")[kind]];
  const most = kind === Kind.PORT ? ` to ${mostOf(kind)}` : " on";
  return [`a ${kind === Kind.AMOUNT ? "" : "whole "}number from ${leastOf(kind)}${most}`];
};

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

/** Throws an error that ends with the allowed words, the nearest one first. @construction */
const refuse = (message: string, words: readonly string[], given: string): never => {
  let text = words[0];
  let least = distance(given, text);
  for (let i = 1; i < words.length; i++) {
    const edits = given === "" ? least : distance(given, words[i]);
    text = edits < least ? `${words[i]}, ${text}` : `${text}, ${words[i]}`;
    least = Math.min(least, edits);
  }
  throw new Error(`motekey: ${message} ${text}`);
};

/** What an error may show of a value. */
enum Shown {
  /** Its type: it may be a secret. */
  NOTHING,
  NUMBERS,
  TEXT,
}

const shownOf = (kind: number): Shown => {
  if (kind === Kind.NAME || kind === Kind.LINK) return Shown.TEXT;
  return kind === Kind.KEY ? Shown.NOTHING : Shown.NUMBERS;
};

/** @construction */
const refuseValue = (path: string, value: unknown, shows: Shown, words: readonly string[]): never => {
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const text = shows === Shown.TEXT && typeof value === "string" ? value : "";
  let was = value === undefined ? "missing" : `of type ${type}`;
  if (shows !== Shown.NOTHING && (type === "number" || type === "boolean")) was = `${value}`;
  if (shows === Shown.TEXT && type === "string") was = `"${text}"`;
  return refuse(`${path} is ${was}; it must be`, words, text);
};

const isWords = (rule: Rule): rule is readonly string[] => Array.isArray(rule);

/** @construction */
const checkOption = (path: string, value: unknown, rule: Rule): void => {
  if (typeof rule === "number") {
    const kind = rule % Kind.NEEDED;
    if (value === undefined ? rule !== kind : !fits(kind, value))
      refuseValue(path, value, shownOf(kind), wordsOf(kind));
  } else if (!isWords(rule)) {
    if (value !== undefined || rule.isNeeded === true) checkGroup(path, value, rule);
  } else if (value !== undefined && rule.indexOf(value as string) < 0)
    refuseValue(path, value, Shown.TEXT, rule);
};

/**
 * Checks options against a table: each name and each value.
 * @param path how errors name the group; empty: its options have no prefix
 * @construction
 * @throws Error that names the first wrong option, its value, and what is allowed
 */
export const checkGroup = (path: string, value: unknown, group: Group): void => {
  const rows = group.rows;
  const names: string[] = [];
  for (const name in rows) names.push(name);
  const known: readonly string[] = names;
  const isList = group.isList === true;
  const given = value as Given;
  const isObject = typeof value === "object" && value !== null && Array.isArray(value) === isList;
  if (!isObject || (group.from !== undefined && typeof given[names[0]] !== "function"))
    refuseValue(path === "" ? "options" : path, value, Shown.NOTHING, [
      group.from === undefined
        ? `an ${isList ? "array of objects" : "object"} with ${known.join(", ")}`
        : group.from,
    ]);
  const list = value as readonly unknown[];
  const prefix = path === "" ? path : `${path}.`;
  if (isList)
    for (let i = 0; i < list.length; i++)
      checkGroup(`${path}[${i}]`, list[i], { rows, isOpen: group.isOpen === true });
  else if (group.isOpen !== true && group.from === undefined) {
    for (const name in given)
      if (names.indexOf(name) < 0) refuse(`${prefix}${name} is no option; there are`, known, name);
  }
  for (let i = 0; i < names.length && !isList; i++)
    checkOption(prefix + names[i], given[names[i]], rows[names[i]]);
};
