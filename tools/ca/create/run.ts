import type { Context } from "../../cli/act.js";
import { usage } from "../../cli/failure.js";
import { fileBytes } from "../../device/files.js";
import { recipientsIn } from "../../device/seal.js";
import { keyTypeOf } from "../algorithms.js";
import { Authority, createAuthority } from "../authority.js";
import type { AuthorityFlags } from "../flags.js";
import { shown, textOf } from "../shown.js";

/** The flags of `motekey ca create`. */
export interface CreateCaFlags extends AuthorityFlags {
  readonly name: string;
  readonly keyType: string;
  readonly days: string;
  readonly recipient?: readonly string[];
  readonly recipientsFile?: string;
  readonly dryRun?: boolean;
}

const DAYS_MAX = 36_500;

/** Makes an authority. */
export async function createCa(context: Context, flags: CreateCaFlags): Promise<void> {
  const { system, output } = context;
  const days = Number(flags.days);
  if (!/^\d+$/.test(flags.days) || days < 1 || days > DAYS_MAX)
    throw usage("--days is no number of days.", `It is 1 to ${DAYS_MAX}.`);
  const { recipientsFile: file, ca = "ca" } = flags;
  const listed =
    file === undefined ? [] : recipientsIn(`${await fileBytes(system, "--recipients-file", file)}`);
  const recipients = [...(flags.recipient ?? []), ...listed];
  if (file !== undefined && recipients.length === 0)
    throw usage(
      "There is no recipient: nobody could open the CA's key.",
      "Put a line with age1… into the file.",
    );
  const keyType = keyTypeOf("--key-type", flags.keyType);
  if (flags.dryRun === true) {
    const none = { ca, name: flags.name, key_type: keyType, not_after: null, fingerprint: null };
    return output.answer(
      { ...none, signed: 0, good: 0, revoked: 0, ledger_head: null, done: false },
      `Would make the CA '${flags.name}' in ${ca}.`,
    );
  }
  await createAuthority(system, flags, {
    name: flags.name,
    keyType,
    days,
    recipients,
    passphraseFile: flags.passphraseFile,
  });
  const authority = await Authority.open(system, flags);
  try {
    const answer = { ...shown(authority, ca, system.now()), done: true };
    output.answer(answer, textOf(answer));
    output.note(
      "Keep a copy of the folder where nobody else comes: with the key's passphrase or identity apart.",
    );
  } finally {
    await authority.close();
  }
}
