/** Is every device of a batch in the cloud, with its key? */
import { readLog } from "../../audit/log.js";
import { DEVICES_MAX, type Expected } from "../cloud.js";
import type { Batch } from "./batch.js";
import type { Made } from "./journal.js";

/** What a line says of a device's proof. */
type Fingerprints = Pick<Extract<Made, { did: "made" }>, "key_fingerprint" | "cert_fingerprint">;

/** Asks the cloud for every device that the journal says was made; what is not as it should be, in words. */
export async function checkAll({ cloud, folder, counts }: Batch): Promise<string[]> {
  const wrong: string[] = [];
  let group: Expected[] = [];
  const ask = async (): Promise<void> => {
    if (group.length === 0) return;
    for (const known of await cloud.check(group)) {
      if (known.state === "active" && known.same_key) counts.checked++;
      else if (known.state === "active") wrong.push(`The cloud has another key of ${known.id}.`);
      else wrong.push(`The cloud says that ${known.id} is ${known.state}.`);
    }
    group = [];
  };
  // A device that was made again with a certificate has another one.
  const again = new Map<string, Fingerprints>();
  await readLog(folder.log, (entry) => {
    if (entry.did === "made again") again.set(String(entry.device), entry as unknown as Fingerprints);
  });
  await readLog(folder.log, async (entry) => {
    if (entry.did !== "made") return;
    const id = String(entry.device);
    const { key_fingerprint, cert_fingerprint } = again.get(id) ?? (entry as unknown as Fingerprints);
    group.push(cert_fingerprint === undefined ? { id, key_fingerprint } : { id, cert_fingerprint });
    if (group.length === DEVICES_MAX) await ask();
  });
  await ask();
  return wrong;
}
