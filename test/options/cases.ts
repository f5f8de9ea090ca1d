/** What may be wrong with options of a declared shape: each case is one mistake in options that are right otherwise. */
import type { Member, ValueType } from "./declared.js";

/** Options, as plain JavaScript has them. */
export type Bag = Record<string, unknown>;

/** One mistake. */
export interface Mistake {
  readonly title: string;
  readonly options: Bag;
  /** What the error says. */
  readonly says: RegExp;
}

/** A value of each type; none of them is what a table of texts or numbers allows. */
const VALUES: readonly [ValueType, unknown][] = [
  ["string", "no such word"],
  ["number", -1.5],
  ["boolean", true],
  ["object", { nothing: 1 }],
  ["array", [1]],
  ["function", () => 1],
  ["null", null],
];

const pattern = (text: string): string => text.replace(/[.[\]()]/g, "\\$&");

/** The name with its last letter twice. */
const misspelt = (name: string): string => name + name.slice(-1);

/**
 * Every mistake of one kind per member: its name misspelt, in capitals, a value of each type that it does not have,
 * and left out where it is needed.
 * @param base options that are right
 * @param prefix how errors name the group: `cloud.`
 * @param lax names of what takes any number or any object
 * @param isOpen the group is an object with a life of its own, whose other members are not looked at
 */
export function mistakes(
  members: readonly Member[],
  base: Bag,
  prefix: string,
  isOpen = false,
  lax: readonly string[] = [],
): Mistake[] {
  const found: Mistake[] = [];
  for (const member of members) {
    const { name } = member;
    const path = pattern(prefix + name);
    const value = base[name] ?? 1;
    if (!isOpen) {
      for (const wrong of [misspelt(name), name.toUpperCase()]) {
        const options = { ...base, [wrong]: value };
        const says = new RegExp(`^motekey: ${pattern(prefix + wrong)} is no option; there are ${name}\\b`);
        if (!members.some((known) => known.name === wrong)) found.push({ title: wrong, options, says });
      }
    }
    for (const [type, wrong] of VALUES) {
      const isTaken = member.types.has(type) && member.literals.length === 0;
      if (isTaken && (lax.includes(name) || !isNever(type))) continue;
      const says = new RegExp(`^motekey: ${path}(\\.|\\[0\\]| is ).*`);
      found.push({ title: `${name}: ${type}`, options: { ...base, [name]: wrong }, says });
    }
    if (!member.isOptional) {
      const { [name]: _without, ...options } = base;
      found.push({
        title: `no ${name}`,
        options,
        says: new RegExp(`^motekey: ${path} is missing; it must be `),
      });
    }
  }
  return found;
}

/** The value of this type in {@link VALUES} fits no option, not even one of the type. */
function isNever(type: ValueType): boolean {
  return type === "number" || type === "object" || type === "array";
}
