/** An authority's key: sealed with age, by a passphrase or for a recipient, so that age opens a backup too. */
import { Failure, usage } from "../cli/failure.js";
import { askSecret, hasTerminal, needsTerminal } from "../cli/prompt.js";
import type { System } from "../cli/system.js";
import { secretLine } from "../device/files.js";
import { sealerFor, unsealed } from "../device/seal.js";
import type { AuthorityFlags } from "./flags.js";

const PASSPHRASE_LENGTH_MIN = 12;
const PASSPHRASE_STANZA = /^-> scrypt /m;

/** Seals it. @param recipients empty: a passphrase is read, or asked for twice */
export async function sealedKey(
  system: System,
  pem: string,
  recipients: readonly string[],
  passphraseFile: string | undefined,
): Promise<Uint8Array> {
  if (recipients.length > 0) return (await sealerFor(recipients)).seal(Buffer.from(pem));
  const passphrase = await passphraseOf(system, passphraseFile);
  if (passphrase.length < PASSPHRASE_LENGTH_MIN)
    throw usage(
      `The passphrase has fewer than ${PASSPHRASE_LENGTH_MIN} characters.`,
      "Who finds the file can guess for as long as they like: take a few words.",
    );
  if (passphraseFile === undefined && (await askSecret(system, "Once more: ")) !== passphrase)
    throw usage("The two are not the same.", "Try again.");
  const { passphraseRecipient } = await import("./passphrase.js");
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  encrypter.addRecipient(passphraseRecipient(passphrase));
  return encrypter.encrypt(pem);
}

/** Opens it. @throws Failure where the passphrase or the identity is not its own */
export async function openedKey(system: System, sealed: Buffer, flags: AuthorityFlags): Promise<string> {
  const header = sealed.toString("latin1", 0, 512);
  if (!PASSPHRASE_STANZA.test(header)) return unsealed(system, sealed, flags.identityFile, "the CA's key");
  const passphrase = await passphraseOf(system, flags.passphraseFile);
  const { passphraseIdentity } = await import("./passphrase.js");
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  decrypter.addIdentity(passphraseIdentity(passphrase));
  try {
    return await decrypter.decrypt(sealed, "text");
  } catch {
    throw new Failure(
      "invalid_credentials",
      "The passphrase does not open the CA's key, or the file is damaged.",
      "Try again, or put the backup back.",
    );
  }
}

async function passphraseOf(system: System, file: string | undefined): Promise<string> {
  if (file !== undefined) return secretLine(system, "--passphrase-file", file);
  if (hasTerminal(system)) return askSecret(system, "Passphrase of the CA's key: ");
  throw needsTerminal("The CA's key has a passphrase", "Give --passphrase-file.");
}
