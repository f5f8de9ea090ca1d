/** A credential into Espruino's Storage, over its prompt. */
import type { Context } from "../../cli/act.js";
import { Failure, usage } from "../../cli/failure.js";
import { Repl } from "../../espruino/repl.js";
import { STORAGE_BYTES, StorageImage } from "../../espruino/storage.js";
import { choosePort } from "../port.js";
import type { PortFlags } from "../port-flags.js";
import { type Identity, provisionShelf, StorageStore } from "../provision.js";
import { keyFingerprint } from "../record.js";
import { sealingOf } from "../seal-key.js";
import { numberOf } from "../settings.js";

const RECORDS = /^motekey-/;
/** The speed at which boards with a UART have their prompt; USB has none. */
const BAUD = "115200";

/** Flags that this format does not have would be ignored without a word. */
export interface EspruinoFlags extends PortFlags {
  readonly dryRun?: boolean;
  readonly set?: readonly string[];
  readonly settings?: string;
  readonly keysFile?: string;
  readonly hmacKeyFile?: string;
  readonly sealSecretFile?: string;
  readonly sealMac?: string;
}

/** What this engine has not: a table of partitions, and as yet a core that opens sealed records. */
const UNUSED = [
  ...(["table", "partition", "chip", "set", "settings"] as const),
  ...(["keysFile", "hmacKeyFile", "sealSecretFile", "sealMac"] as const),
];

/** Writes the records that are to change, compacts, and reads all of them back. */
export async function flashEspruino(
  { system, output }: Context,
  flags: EspruinoFlags,
  identity: Identity & { readonly psk: string },
): Promise<void> {
  for (const name of UNUSED)
    if (flags[name] !== undefined)
      throw usage(
        `--format espruino has no --${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.`,
        "See 'motekey device flash --help'.",
      );
  const port = await choosePort(system, output, flags.port);
  const line = await system.ports.open(port, numberOf("--baud", flags.baud ?? BAUD));
  try {
    const repl = new Repl(line, system.interrupted);
    const version = await repl.connect();
    output.note(`Espruino ${version}`);
    const names = ((await repl.value(`require("Storage").list(/^motekey-/)`)) as string[]) ?? [];
    const held = new Map<string, Buffer>();
    const image = new StorageImage(STORAGE_BYTES);
    for (const name of names.filter((one) => RECORDS.test(one))) {
      const data = (await repl.read(name)) ?? Buffer.alloc(0);
      held.set(name, data);
      if (data.length > 0) image.set(name, data);
    }
    const { counter, isReplaced } = provisionShelf(new StorageStore(image), identity);
    const changed = [...image.items()].filter(({ name, data }) => held.get(name)?.equals(data) !== true);
    const removed = [...held.keys()].filter((name) => image.get(name) === null);
    const isWritten = flags.dryRun !== true && changed.length + removed.length > 0;
    if (isWritten) {
      for (const { name, data } of changed) await repl.write(name, Buffer.from(data));
      for (const name of removed) await repl.value(`require("Storage").erase(${JSON.stringify(name)})`);
      await provedGone(repl);
      for (const { name, data } of image.items())
        if ((await repl.read(name))?.equals(data) !== true)
          throw new Failure(
            "device_unverified",
            `'${name}' reads back otherwise than it was written.`,
            "Run it again.",
          );
    }
    const isSame = changed.length + removed.length === 0;
    const answer = {
      port: port.path,
      chip: `Espruino ${version}`,
      mac: null,
      partition: "Storage",
      offset: null,
      bytes: image.used,
      device: identity.id,
      key_fingerprint: keyFingerprint(identity.psk),
      counter,
      encrypted: false,
      sealing: sealingOf(null),
      used: image.used,
      usable: null,
      replaced: isReplaced,
      changes: [
        ...removed.map((key) => ({ namespace: "", key, change: "removed" })),
        ...changed.map(({ name: key }) => ({
          namespace: "",
          key,
          change: held.has(key) ? "changed" : "added",
        })),
      ],
      md5: null,
      written: isWritten,
      verified: isWritten || isSame,
    };
    const state = isWritten
      ? "written, compacted, read back, the same"
      : isSame
        ? "is so already"
        : "not written";
    output.answer(
      answer,
      [
        `Board    ${answer.chip}, at ${port.path}`,
        `Storage  ${state}`,
        `Device   ${identity.id}`,
        `Key      fingerprint ${answer.key_fingerprint}`,
        `Counter  begins above ${counter}`,
      ].join("\n"),
    );
  } finally {
    await line.close().catch(() => undefined);
  }
}

/** What was replaced stays in flash until Storage is compacted: afterwards there must be none of it. */
async function provedGone(repl: Repl): Promise<void> {
  await repl.value(`(require("Storage").compact(),1)`);
  const trash = await repl.value(`require("Storage").getStats().trashBytes`);
  if (trash === 0) return;
  throw new Failure(
    "device_unverified",
    "Storage still has what was replaced in it after compact().",
    "The old key may be readable: erase Storage with eraseAll(), and run it again.",
  );
}
