/** Members whose text is no secret: all other texts are crossed out, since a bit that is wrong makes a name another. */
const SHOWN = ["src", "dst", "method", "host", "message"];
const NAME_MAX = 24;

const crosses = (length: number): string => "x".repeat(length);

/** A JWT's signature is what makes it a token: its claims stay, since the firmware reads its lifetime there. */
const redactedToken = (token: string): string => {
  const [head = "", claims = "", signature, ...others] = token.split(".");
  if (signature === undefined || others.length > 0 || !head.startsWith("eyJ")) return crosses(token.length);
  return `${head}.${claims}.${crosses(signature.length)}`;
};

/** @param name of the member that the value is */
const redactedValue = (name: string, value: unknown): unknown => {
  if (typeof value === "string") {
    if (SHOWN.includes(name)) return value;
    return name === "token" ? redactedToken(value) : crosses(value.length);
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => redactedValue(name, item));
  return Object.fromEntries(
    Object.entries(value).map(([member, inner]) => [
      member.length > NAME_MAX ? crosses(member.length) : member,
      redactedValue(member, inner),
    ]),
  );
};

/**
 * A frame of JSON with a stand-in of the same length for each secret in it; null where the text is no object.
 * @param ownIds of requests whose result may be shown; any other is the app's business, and left out
 */
export const redactedFrame = (text: string, ownIds: readonly number[]): string | null => {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof frame !== "object" || frame === null) return null;
  const copy = redactedValue("", frame) as Record<string, unknown>;
  const isForeign = copy.result !== undefined && !ownIds.includes(copy.id as number);
  return JSON.stringify(isForeign ? { ...copy, result: null } : copy);
};
