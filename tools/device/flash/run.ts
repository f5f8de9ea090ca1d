import type { Context } from "../../cli/act.js";
import { usage } from "../../cli/failure.js";
import { md5, type Progress } from "../../esp/chip.js";
import { type Difference, differences } from "../../nvs/diff.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { Partition, type Usage } from "../../nvs/partition.js";
import { hex } from "../../nvs/writer.js";
import { type CloudFlags, counterOf } from "../counter.js";
import { type PskFlags, pskOf } from "../group-key.js";
import type { KeyFlags } from "../key-flags.js";
import { keysOf } from "../keys.js";
import { choosePort } from "../port.js";
import type { PortFlags } from "../port-flags.js";
import { BAUD } from "../port-flags.js";
import { type Identity, imageOf, provision } from "../provision.js";
import { keyFingerprint } from "../record.js";
import { numberOf, type SettingFlags, setLine, settingsOf } from "../settings.js";
import { Backup } from "./backup.js";
import { type Connected, connectChip } from "./connect.js";
import { flashEspruino } from "./espruino.js";
import { findNvs, keysFor, type Place } from "./place.js";
import { writeVerified } from "./write.js";

/** The flags of `motekey device flash`. */
export interface FlashFlags extends PortFlags, PskFlags, KeyFlags, SettingFlags, CloudFlags {
  readonly format: "nvs" | "espruino";
  readonly id: string;
  readonly psk?: string;
  readonly counter?: string;
  readonly replace?: boolean;
  readonly dryRun?: boolean;
}

/** What is to be in the partition. */
interface Wanted {
  readonly identity: Identity;
  readonly settings: readonly string[];
  readonly keys: NvsKeys | null;
}

/** What the partition is to hold, and what that changes. */
interface Made {
  readonly bytes: Buffer;
  readonly usage: Usage;
  readonly counter: number;
  readonly isReplaced: boolean;
  readonly changes: readonly Difference[];
}

/** Puts a device's credential into the NVS partition of the chip at a port. */
export async function flash(context: Context, flags: FlashFlags): Promise<void> {
  const { system, output } = context;
  if (flags.psk !== undefined)
    throw usage(
      "A key on the command line can be read by everybody on this machine.",
      "Give --psk-file FILE, or - for standard input.",
    );
  if (flags.format === "espruino") {
    const psk = await pskOf(system, flags.id, flags);
    const counter = await counterOf(context, flags, flags.id, psk);
    return flashEspruino(context, flags, { id: flags.id, psk, counter });
  }
  const tableAt = flags.table === undefined ? null : numberOf("--table", flags.table);
  const baudRate = numberOf("--baud", flags.baud ?? BAUD);
  const keys = await keysOf(system, flags);
  const psk = await pskOf(system, flags.id, flags);
  const settings = await settingsOf(system, flags);
  // All that can be refused without a device is refused before one is touched.
  const counter = await counterOf(context, flags, flags.id, psk);
  const identity = { id: flags.id, psk, counter };
  made(new Partition(0x6000), { identity, settings, keys: null });
  const port = await choosePort(system, output, flags.port);
  const connected = await connectChip(system, output, port, { baudRate, wanted: flags.chip });
  try {
    const place = await findNvs(connected.chip, { tableAt, label: flags.partition ?? null });
    const wanted = { identity, settings, keys: await keysFor(connected.chip, place, keys) };
    await put(context, flags, connected, place, wanted);
  } finally {
    keys?.wipe();
    await connected.chip.close();
  }
}

/** Reads, merges, writes, compares, restarts, and tells. */
async function put(
  context: Context,
  flags: FlashFlags,
  { chip, name, mac }: Connected,
  place: Place,
  wanted: Wanted,
): Promise<void> {
  const { system, output } = context;
  const { offset, size, label } = place.partition;
  const backup = new Backup(system, mac, label);
  output.note(`Reading ${label}: ${hex(size)} bytes at ${hex(offset)} …`);
  const stored = await chip.read(offset, size, steps(output.note.bind(output), "Read"));
  const left = flags.replace === true ? null : await backup.left(size);
  if (left !== null)
    output.note(`A run at this chip was cut: what the partition held is taken from ${backup.path}.`);
  const before = flags.replace === true ? new Partition(size) : Partition.read(left ?? stored, wanted.keys);
  const image = made(before, wanted);
  const isSame = stored.equals(image.bytes);
  const isWritten = !isSame && flags.dryRun !== true;
  let took = 0;
  if (isWritten) {
    if (before.items().next().done !== true) await backup.keep(left ?? stored);
    output.note(`Writing ${hex(size)} bytes …`);
    const began = performance.now();
    await writeVerified(chip, offset, image.bytes, {
      writing: steps(output.note.bind(output), "Wrote"),
      again: (why) => output.note(`Writing it once more: ${why}.`),
    });
    took = performance.now() - began;
  }
  if (isWritten || isSame) await backup.remove();
  await chip.restart();
  const answer = {
    port: chip.port.path,
    chip: name,
    mac,
    partition: label,
    offset,
    bytes: size,
    device: wanted.identity.id,
    key_fingerprint: keyFingerprint(wanted.identity.psk ?? ""),
    counter: image.counter,
    encrypted: wanted.keys !== null,
    used: image.usage.used,
    usable: image.usage.usable,
    replaced: image.isReplaced,
    changes: image.changes,
    md5: md5(image.bytes).toString("hex"),
    written: isWritten,
    verified: isWritten || isSame,
  };
  output.answer(answer, textOf(answer, place, flags.dryRun === true));
  if (isWritten) output.note(`Written and compared in ${(took / 1000).toFixed(1)} s; the device restarts.`);
  if (image.isReplaced)
    output.note("The partition had another credential: it is gone, with what was kept for it.");
}

/** What the partition becomes. It is changed; `before` holds what it was. */
function made(partition: Partition, { identity, settings, keys }: Wanted): Made {
  const before = Partition.read(partition.toBytes());
  for (const line of settings) setLine(partition, line);
  const { counter, isReplaced } = provision(partition, identity);
  const { bytes, usage: room } = imageOf(partition, keys);
  return { bytes, usage: room, counter, isReplaced, changes: differences(before, partition) };
}

/** Says a quarter at a time how far a long transfer is. */
function steps(note: (text: string) => void, did: string): Progress {
  let told = 0;
  return (done, total) => {
    const quarter = Math.floor((done * 4) / total);
    if (total < LONG_BYTES || quarter === told) return;
    told = quarter;
    note(`${did} ${quarter * 25}%`);
  };
}

/** Below that a transfer takes a few seconds. */
const LONG_BYTES = 128 * 1024;

function textOf(
  answer: {
    port: string;
    chip: string;
    mac: string;
    partition: string;
    bytes: number;
    offset: number;
    device: string;
    key_fingerprint: string;
    counter: number;
    encrypted: boolean;
    used: number;
    usable: number;
    written: boolean;
    verified: boolean;
  },
  place: Place,
  isDryRun: boolean,
): string {
  const percent = Math.round((answer.used * 100) / answer.usable);
  const state = answer.written
    ? "written, read back, the same"
    : answer.verified
      ? "is so already"
      : "not written";
  const elsewhere = place.tableAt === 0x8000 ? "" : `, table at ${hex(place.tableAt)}`;
  const rows = [
    ["Chip", `${answer.chip}, ${answer.mac}, at ${answer.port}`],
    [
      "Image",
      `${answer.partition}, ${hex(answer.bytes)} bytes at ${hex(answer.offset)}${answer.encrypted ? ", encrypted" : ""}${elsewhere}: ${state}${isDryRun ? " (dry run)" : ""}`,
    ],
    ["Device", answer.device],
    ["Key", `fingerprint ${answer.key_fingerprint}`],
    ["Counter", `begins above ${answer.counter}`],
    ["Used", `${answer.used} of ${answer.usable} entries, ${percent}%`],
  ];
  return rows.map(([name = "", value]) => `${name.padEnd(9)}${value}`).join("\n");
}
