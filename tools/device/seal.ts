/** Files sealed with age (https://age-encryption.org/v1), which its own command line opens. */
import { Failure, printable, usage } from "../cli/failure.js";
import type { System } from "../cli/system.js";
import { secretBytes } from "./files.js";

const RECIPIENT = /^age1[0-9a-z]{58}$/;
const IDENTITY = /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/;
const HEADER = "age-encryption.org/v1\n";
const ARMOR = "-----BEGIN AGE ENCRYPTED FILE-----";

/** Seals for whoever has the identity of one of the recipients. */
export interface Sealer {
  /** In their order, each once. */
  readonly recipients: readonly string[];
  seal(bytes: Uint8Array): Promise<Uint8Array>;
}

/**
 * @param recipients at least one: what is sealed for nobody, the library seals all the same
 * @throws Failure for what is no recipient
 */
export async function sealerFor(recipients: readonly string[]): Promise<Sealer> {
  const each = [...new Set(recipients)];
  if (each.length === 0)
    throw usage(
      "There is no recipient: what is sealed for nobody, nobody opens.",
      "Put a line with age1… into the file.",
    );
  for (const recipient of each) {
    if (IDENTITY.test(recipient.toUpperCase()))
      throw usage(
        "A recipient is an identity, which is secret.",
        "'age-keygen -y FILE' shows its recipient.",
      );
    if (!RECIPIENT.test(recipient))
      throw usage(
        `'${printable(recipient, 80)}' is no recipient of age's.`,
        "It begins with age1, and 'age-keygen -y FILE' shows it. Those that begin with age1pq are not opened by every age.",
      );
  }
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const recipient of each) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw usage(`'${recipient}' is no recipient of age's.`, "A character of it is wrong.");
    }
  }
  return { recipients: each, seal: (bytes) => encrypter.encrypt(bytes) };
}

/** The recipients of a file: one a line, `#` begins a remark. */
export const recipientsIn = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

/** Is this a file of age's? */
export const isSealed = (bytes: Buffer): boolean =>
  bytes.toString("latin1", 0, HEADER.length) === HEADER ||
  bytes.toString("latin1", 0, ARMOR.length) === ARMOR;

/**
 * The text of a sealed file.
 * @param identityFile the file of the identity that opens it
 * @param name the flag that names the sealed file, for errors
 */
export async function unsealed(
  system: System,
  sealed: Buffer,
  identityFile: string | undefined,
  name: string,
): Promise<string> {
  if (identityFile === undefined)
    throw usage(`What ${name} names is sealed.`, "Give --identity-file with the age identity that opens it.");
  const { armor, Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  for (const identity of await identitiesOf(system, identityFile)) decrypter.addIdentity(identity);
  try {
    const isArmored = sealed.toString("latin1", 0, ARMOR.length) === ARMOR;
    return await decrypter.decrypt(isArmored ? armor.decode(sealed.toString("latin1")) : sealed, "text");
  } catch {
    throw new Failure(
      "invalid_credentials",
      `The identity does not open what ${name} names, or the file is damaged.`,
      "Give the identity of one of its recipients.",
    );
  }
}

/** The library takes single lines: remarks, as age-keygen writes them, are no part of an identity. */
async function identitiesOf(system: System, file: string): Promise<string[]> {
  const bytes = await secretBytes(system, "--identity-file", file);
  const identities = recipientsIn(bytes.toString("latin1"));
  bytes.fill(0);
  system.secrets.keep(...identities);
  if (identities.length > 0 && identities.every((one) => IDENTITY.test(one))) return identities;
  throw usage(
    `${printable(file)} (--identity-file) holds no identity of age's.`,
    "It is what age-keygen writes: AGE-SECRET-KEY-1….",
  );
}
