import type { Context } from "../../cli/act.js";
import { printable, usage } from "../../cli/failure.js";
import { hex } from "../../nvs/writer.js";
import { type CloudFlags, counterOf } from "../counter.js";
import { type PskFlags, pskOf } from "../group-key.js";
import type { KeyFlags } from "../key-flags.js";
import { keysOf } from "../keys.js";
import { choosePort } from "../port.js";
import type { PortFlags } from "../port-flags.js";
import { BAUD } from "../port-flags.js";
import type { Cover } from "../provision.js";
import { keyFingerprint } from "../record.js";
import type { SealFlags } from "../seal-flags.js";
import { sealingOf, sealKeyOf, shelfOf, UNSEALED } from "../seal-key.js";
import { linesIn } from "../setting-line.js";
import { numberOf, type SettingFlags, settingsOf } from "../settings.js";
import { Backup } from "./backup.js";
import { type Connected, connectChip } from "./connect.js";
import { flashEspruino } from "./espruino.js";
import { findNvs, keysFor, type Place } from "./place.js";
import { putCredential, tried, type Wanted } from "./put.js";

/** The flags of `motekey device flash`. */
export interface FlashFlags extends PortFlags, PskFlags, KeyFlags, SealFlags, SettingFlags, CloudFlags {
  readonly format: "nvs" | "espruino";
  readonly id: string;
  readonly psk?: string;
  readonly counter?: string;
  readonly replace?: boolean;
  readonly dryRun?: boolean;
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
  const seal = await sealKeyOf(system, flags);
  const cover: Cover = (shelf) => shelfOf(shelf, seal);
  const psk = await pskOf(system, flags.id, flags);
  const setIn = linesIn(await settingsOf(system, flags));
  // All that can be refused without a device is refused before one is touched.
  const counter = await counterOf(context, flags, flags.id, psk);
  const identity = { id: flags.id, psk, counter };
  tried({ identity, setIn, keys: null, cover });
  const port = await choosePort(system, output, flags.port);
  const connected = await connectChip(system, output, port, { baudRate, wanted: flags.chip });
  try {
    refuseOtherChip(connected.mac, flags.sealMac);
    const place = await findNvs(connected.chip, { tableAt, label: flags.partition ?? null });
    const wanted = { identity, setIn, cover, keys: await keysFor(connected.chip, place, keys) };
    await put(context, flags, connected, place, wanted, sealingOf(seal));
  } finally {
    keys?.wipe();
    await connected.chip.close();
  }
}

/** What is obfuscated for one chip does not open on another. */
function refuseOtherChip(mac: string, sealMac: string | undefined): void {
  const digits = (address: string): string => address.replace(/[:-]/g, "").toLowerCase();
  if (sealMac !== undefined && digits(sealMac) !== digits(mac))
    throw usage(
      `The chip's MAC address is ${mac}, and not ${printable(sealMac)}.`,
      "Give --seal-mac the chip's own.",
    );
}

/** Does it, and prints the outcome. */
async function put(
  { system, output }: Context,
  flags: FlashFlags,
  { chip, name, mac }: Connected,
  place: Place,
  wanted: Wanted,
  sealing: string,
): Promise<void> {
  const { offset, size, label } = place.partition;
  const backup = new Backup(system, mac, label);
  const image = await putCredential(chip, place, wanted, {
    backup,
    keptAs: backup.path,
    replaces: flags.replace === true,
    isDryRun: flags.dryRun === true,
    note: (text) => output.note(text),
  });
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
    sealing,
    used: image.usage.used,
    usable: image.usage.usable,
    replaced: image.isReplaced,
    changes: image.changes,
    md5: image.md5,
    written: image.isWritten,
    verified: image.isWritten || image.isSame,
  };
  output.answer(answer, textOf(answer, place, flags.dryRun === true));
  if (image.isWritten)
    output.note(`Written and compared in ${(image.tookMs / 1000).toFixed(1)} s; the device restarts.`);
  if (image.isReplaced)
    output.note("The partition had another credential: it is gone, with what was kept for it.");
}

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
    sealing: string;
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
      `${answer.partition}, ${hex(answer.bytes)} bytes at ${hex(answer.offset)}${answer.encrypted ? ", encrypted" : ""}${answer.sealing === UNSEALED ? "" : `, ${answer.sealing}`}${elsewhere}: ${state}${isDryRun ? " (dry run)" : ""}`,
    ],
    ["Device", answer.device],
    ["Key", `fingerprint ${answer.key_fingerprint}`],
    ["Counter", `begins above ${answer.counter}`],
    ["Used", `${answer.used} of ${answer.usable} entries, ${percent}%`],
  ];
  return rows.map(([name = "", value]) => `${name.padEnd(9)}${value}`).join("\n");
}
