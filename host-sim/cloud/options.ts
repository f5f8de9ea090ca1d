/**
 * Options against a closed table of names and values: a test in plain JavaScript that misspells a knob would pass
 * without what it wanted to see.
 */

/** What a value may be. */
export interface Rule {
  /** What is allowed, in words. */
  readonly allowed: readonly string[];
  readonly isNeeded?: boolean;
  /** What an error shows of the value, where it can be no secret; nothing but its type when absent. */
  readonly shows?: "numbers" | "all";
  readonly accepts: (value: unknown) => boolean;
  /** Looks further into a value that is accepted. */
  readonly within?: (path: string, value: object) => void;
  /** Members of an accepted object may be set later, by these rules. */
  readonly shape?: Shape<object>;
}

/** A rule per option: an option without one does not compile. */
export type Shape<Options> = { readonly [Name in keyof Options]-?: Rule };

type Bag = Record<string, unknown>;

const isBag = (value: unknown): value is Bag =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Any text. It may be a secret, so nothing but its type is shown. */
export const TEXT: Rule = { allowed: ["text"], accepts: (value) => typeof value === "string" };

/** Text that is not empty. */
export const NAME: Rule = {
  allowed: ["text that is not empty"],
  accepts: (value) => typeof value === "string" && value !== "",
};

export const BYTES: Rule = { allowed: ["a Uint8Array"], accepts: (value) => value instanceof Uint8Array };

export const FLAG: Rule = {
  allowed: ["true", "false"],
  shows: "numbers",
  accepts: (value) => typeof value === "boolean",
};

export const FUNCTION: Rule = { allowed: ["a function"], accepts: (value) => typeof value === "function" };

export const NOTHING: Rule = { allowed: ["null"], shows: "all", accepts: (value) => value === null };

/** An object that is looked at elsewhere. */
export const OBJECT: Rule = { allowed: ["an object"], accepts: isBag };

/** A number from `least` on. */
export const numberFrom = (least: number): Rule => ({
  allowed: [least === -Infinity ? "a number" : `a number from ${least} on`],
  shows: "numbers",
  accepts: (value) => typeof value === "number" && value >= least,
});

/** A whole number; any where no least is given. */
export const whole = (least = -Infinity, most = Infinity): Rule => ({
  allowed: [
    `a whole number${least === -Infinity ? "" : ` from ${least} ${most === Infinity ? "on" : `to ${most}`}`}`,
  ],
  shows: "numbers",
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
});

/** A TCP port; 0: any free one. */
export const PORT: Rule = whole(0, 65_535);

/** One of these words or numbers. */
export const oneOf = (...values: readonly (string | number)[]): Rule => ({
  allowed: values.map(String),
  shows: "all",
  accepts: (value) => (values as readonly unknown[]).includes(value),
});

/** Any of these rules. */
export const either = (...rules: readonly Rule[]): Rule => ({
  allowed: rules.flatMap(({ allowed }) => allowed),
  ...(rules.every(({ shows }) => shows !== undefined) && { shows: "numbers" }),
  accepts: (value) => rules.some((rule) => rule.accepts(value)),
  within: (path, value) => rules.find((rule) => rule.accepts(value))?.within?.(path, value),
});

/** It cannot be left out. */
export const needed = (rule: Rule): Rule => ({ ...rule, isNeeded: true });

/** An object with these options. */
export const optionsOf = (shape: Shape<object>): Rule => ({
  allowed: [`an object with ${Object.keys(shape).join(", ")}`],
  accepts: isBag,
  within: (path, value) => checkOptions(path, value, shape),
  shape,
});

/** An array of what a rule accepts. */
export const listOf = (rule: Rule): Rule => ({
  allowed: ["an array"],
  accepts: Array.isArray,
  within: (path, value) => {
    for (const [at, item] of (value as unknown[]).entries()) checkValue(`${path}[${at}]`, item, needed(rule));
  },
});

/**
 * Checks each name and each value.
 * @param path how errors name the group; empty: its options have no prefix
 * @throws Error that names the first option which cannot be right, what it is, and what is allowed
 */
export function checkOptions(path: string, value: unknown, shape: Shape<object>): void {
  if (!isBag(value)) checkValue(path === "" ? "options" : path, value, needed(optionsOf(shape)));
  const prefix = path === "" ? "" : `${path}.`;
  for (const name of Object.keys(value as Bag)) ruleFor(prefix, name, shape);
  for (const [name, rule] of Object.entries(shape) as [string, Rule][])
    checkValue(prefix + name, (value as Bag)[name], rule);
}

/**
 * An object whose members are checked whenever they are set: knobs that a test turns at run time.
 * @param path how errors name it
 */
export function guarded<Options extends object>(
  path: string,
  value: Options,
  shape: Shape<NoInfer<Options>>,
): Options {
  const rules: Shape<object> = shape;
  checkOptions(path, value, rules);
  const settled = (name: string | symbol, given: unknown): unknown => {
    const rule = ruleFor(`${path}.`, String(name), rules);
    checkValue(`${path}.${String(name)}`, given, needed(rule));
    return rule.shape === undefined ? given : guarded(`${path}.${String(name)}`, given as object, rule.shape);
  };
  const target = { ...value };
  for (const name of Object.keys(target) as (keyof Options)[])
    target[name] = settled(name as string, target[name]) as Options[keyof Options];
  return new Proxy(target, {
    set: (object, name, given) => Reflect.set(object, name, settled(name, given)),
    defineProperty: (object, name, descriptor) => {
      if ("value" in descriptor) settled(name, descriptor.value);
      else ruleFor(`${path}.`, String(name), rules);
      return Reflect.defineProperty(object, name, descriptor);
    },
    deleteProperty: (_object, name) => {
      throw new Error(`motekey: ${path}.${String(name)} cannot be taken away; set it to what it is at rest`);
    },
  });
}

/** The words, the nearest to what was given first; what is like none of them changes nothing. */
export function nearestFirst(words: readonly string[], given: string): readonly string[] {
  let nearest: string | undefined;
  let least = Infinity;
  for (const word of words) {
    const edits = distance(given.slice(0, 80), word);
    if (edits >= least || edits > Math.max(given.length, word.length) / 2) continue;
    nearest = word;
    least = edits;
  }
  return nearest === undefined ? words : [nearest, ...words.filter((word) => word !== nearest)];
}

function ruleFor(prefix: string, name: string, shape: Shape<object>): Rule {
  const rule = Object.hasOwn(shape, name) ? (shape as Record<string, Rule>)[name] : undefined;
  if (rule !== undefined) return rule;
  const names = nearestFirst(Object.keys(shape), name).join(", ");
  throw new Error(`motekey: ${prefix}${name} is no option; there are ${names}`);
}

function checkValue(path: string, value: unknown, rule: Rule): void {
  if (value === undefined && rule.isNeeded !== true) return;
  if (!rule.accepts(value)) {
    const given = rule.shows === "all" && typeof value === "string" ? value : "";
    const allowed = given === "" ? rule.allowed : nearestFirst(rule.allowed, given);
    throw new Error(`motekey: ${path} is ${shown(value, rule)}; it must be ${allowed.join(" or ")}`);
  }
  if (typeof value === "object" && value !== null) rule.within?.(path, value);
}

/** What a value is, in words: itself only where it can be no secret. */
function shown(value: unknown, { shows }: Rule): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (value === "") return '""';
  if (Array.isArray(value)) return "an array";
  if (shows === "all" && typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (shows !== undefined && (typeof value === "number" || typeof value === "boolean")) return `${value}`;
  return typeof value === "string" ? "text" : `of type ${typeof value}`;
}

/** Edits from one word to another, upper and lower case alike (Levenshtein). */
function distance(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let k = 0; k < b.length; k++) {
      const [corner = 0, above = 0, left = 0] = [row[k], row[k + 1], next[k]];
      next.push(a[i] === b[k] ? corner : 1 + Math.min(corner, above, left));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
