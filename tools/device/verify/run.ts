import { type CredentialReading, readCredential, Status } from "../../../firmware/index.js";
import type { SealKey } from "../../../firmware/seal.js";
import type { Context } from "../../cli/act.js";
import { Exit, printable, usage } from "../../cli/failure.js";
import { Partition } from "../../nvs/partition.js";
import { type Device, DeviceCloud } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";
import { fileBytes } from "../files.js";
import { connectChip } from "../flash/connect.js";
import { findNvs, keysFor } from "../flash/place.js";
import type { KeyFlags } from "../key-flags.js";
import { keysOf } from "../keys.js";
import { choosePort } from "../port.js";
import { BAUD, type PortFlags } from "../port-flags.js";
import { counterIn, PartitionStore, type Shelf } from "../provision.js";
import { keyFingerprint } from "../record.js";
import type { SealFlags } from "../seal-flags.js";
import { sealKeyOf, shelfOf, UNSEALED } from "../seal-key.js";
import { isSealedRecord } from "../sealed-record.js";
import { numberOf } from "../settings.js";

/** The flags of `motekey device verify`. */
export interface VerifyFlags extends KeyFlags, SealFlags, PortFlags, CloudFlags {
  readonly id?: string;
}

/** What a device holds. */
interface Held {
  readonly id: string;
  readonly fingerprint: string;
  /** How many of the two slots hold it. */
  readonly slots: number;
  readonly counter: number;
  readonly sealing: string;
}

/** Compares. Resolves to 1 where the cloud would not let the device in, or it is another one. */
export async function verify(
  context: Context,
  flags: VerifyFlags,
  words: readonly string[],
): Promise<number> {
  const { output } = context;
  const [file] = words;
  if (file !== undefined && flags.port !== undefined)
    throw usage("An image and --port are two places to read from.", "Give one of them.");
  const seal = await sealKeyOf(context.system, flags);
  const cloud = await DeviceCloud.open(context, flags);
  const { store, source } =
    file === undefined ? await fromChip(context, flags) : await fromFile(context, flags, file);
  const held = heldIn(store, seal);
  if ("status" in held)
    return told(context, { source, held: null, device: null, problems: [whyNone(store, held.status)] });
  const device = await cloud.find(held.id);
  const problems = problemsOf(held, device, flags.id);
  if (seal !== null && held.sealing === UNSEALED) problems.push("Its credential lies in flash unsealed.");
  if (held.slots === 1)
    output.note(
      "One of its two slots holds this credential: a device that was rotated has its older key in the other.",
    );
  return told(context, { source, held, device, problems });
}

async function fromFile(
  context: Context,
  flags: VerifyFlags,
  file: string,
): Promise<{ store: PartitionStore; source: string }> {
  const keys = await keysOf(context.system, flags);
  const partition = Partition.read(await fileBytes(context.system, "The image", file), keys);
  keys?.wipe();
  return { store: new PartitionStore(partition), source: file };
}

async function fromChip(
  context: Context,
  flags: VerifyFlags,
): Promise<{ store: PartitionStore; source: string }> {
  const { system, output } = context;
  const tableAt = flags.table === undefined ? null : numberOf("--table", flags.table);
  const baudRate = numberOf("--baud", flags.baud ?? BAUD);
  const given = await keysOf(system, flags);
  const port = await choosePort(system, output, flags.port);
  const { chip } = await connectChip(system, output, port, {
    baudRate,
    wanted: flags.chip,
  });
  try {
    const place = await findNvs(chip, { tableAt, label: flags.partition ?? null });
    const keys = await keysFor(chip, place, given);
    const bytes = await chip.read(place.partition.offset, place.partition.size);
    await chip.restart();
    return { store: new PartitionStore(Partition.read(bytes, keys)), source: chip.port.path };
  } finally {
    given?.wipe();
    await chip.close();
  }
}

/** What the firmware would read, and in how many slots. */
function heldIn(
  store: PartitionStore,
  seal: SealKey | null,
): Held | { readonly status: CredentialReading["status"] } {
  // Nothing of it is sealed or mended on the way, but for the mark, without which nothing is absent.
  const whole = shelfOf(reading(store), seal);
  const { status, credential } = readCredential(whole);
  if (credential === null) return { status };
  const fingerprint = keyFingerprint(credential.psk);
  const slots = ["a", "b"].filter((slot) => {
    const other = slot === "a" ? "b" : "a";
    const alone = readCredential(shelfOf(reading(store, `motekey-cred${other}`), seal)).credential;
    return alone?.deviceId === credential.deviceId && keyFingerprint(alone.psk) === fingerprint;
  });
  const counter = counterIn(store);
  return {
    ...{ id: credential.deviceId, fingerprint, slots: slots.length, counter },
    sealing: whole.sealing ?? UNSEALED,
  };
}

/** Why the firmware would find no credential. */
function whyNone(store: PartitionStore, status: Status): string {
  if (status === Status.CREDENTIAL_MISSING) return "It holds no credential.";
  if (status !== Status.CREDENTIAL_BROKEN) return `Its credential does not open: ${Status[status]}.`;
  const head = new Uint8Array(14);
  const isSealed = ["a", "b"].some(
    (slot) => store.read(`motekey-cred${slot}`, head) >= head.length && isSealedRecord(head),
  );
  return isSealed
    ? "Its credential is sealed, or damaged: give --seal-secret-file, and --seal-mac where it is obfuscated."
    : "Its credential is damaged.";
}

/** The store, read only, as it would be if one slot were lost. */
const reading = (store: PartitionStore, lost?: string): Shelf => ({
  names: () => store.names(),
  delete: () => undefined,
  read: (name, out) => (name === lost ? -1 : store.read(name, out)),
  write: (name, bytes, length) => name === "motekey-mark" && store.write(name, bytes, length),
});

function problemsOf(held: Held, device: Device | null, wanted: string | undefined): string[] {
  const id = printable(held.id, 128);
  const problems: string[] = [];
  if (wanted !== undefined && wanted !== held.id) problems.push(`It is ${id}, and not ${wanted}.`);
  if (device === null) return [...problems, `The cloud knows no device ${id}.`];
  if (device.state !== "active") problems.push(`The cloud has revoked ${id}.`);
  if (device.key_fingerprint !== held.fingerprint)
    problems.push(`Its key is ${held.fingerprint}, and the cloud's of ${id} is ${device.key_fingerprint}.`);
  if (held.counter < device.counter)
    problems.push(
      `It begins above counter ${held.counter}, and the cloud has accepted ${device.counter}: it is refused at first.`,
    );
  return problems;
}

/** The answer, and the exit status. */
function told(
  { output }: Context,
  {
    source,
    held,
    device,
    problems,
  }: {
    source: string;
    held: Held | null;
    device: Device | null;
    problems: readonly string[];
  },
): number {
  const isVerified = problems.length === 0;
  const answer = {
    source,
    device: held?.id ?? null,
    key_fingerprint: held?.fingerprint ?? null,
    slots: held?.slots ?? 0,
    sealing: held?.sealing ?? null,
    counter: held?.counter ?? null,
    cloud_state: device?.state ?? null,
    cloud_key_fingerprint: device?.key_fingerprint ?? null,
    cloud_counter: device?.counter ?? null,
    problems,
    verified: isVerified,
  };
  const rows =
    held === null
      ? []
      : [
          ["Device", printable(held.id, 128)],
          ["Key", `fingerprint ${held.fingerprint}, in ${held.slots} of 2 slots, ${held.sealing}`],
          ["Counter", `begins above ${held.counter}`],
        ];
  const lines = [["Read", `from ${source}`], ...rows].map(
    ([name = "", value]) => `${name.padEnd(9)}${value}`,
  );
  output.answer(answer, [...lines, ...(isVerified ? ["The cloud knows it so."] : problems)].join("\n"));
  return isVerified ? Exit.DONE : Exit.FAILED;
}
