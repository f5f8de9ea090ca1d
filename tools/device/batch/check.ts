/** Is every device of a batch in the cloud, with its key? */
import { readLog } from "../../audit/log.js";
import { DEVICES_MAX } from "../cloud.js";
import type { Batch } from "./batch.js";
import type { Made } from "./journal.js";

/** Asks the cloud for every device that the journal says was made; what is not as it should be, in words. */
export async function checkAll({ cloud, folder, counts }: Batch): Promise<string[]> {
  const wrong: string[] = [];
  let group: { id: string; key_fingerprint: string }[] = [];
  const ask = async (): Promise<void> => {
    if (group.length === 0) return;
    for (const known of await cloud.check(group)) {
      if (known.state === "active" && known.same_key) counts.checked++;
      else if (known.state === "active") wrong.push(`The cloud has another key of ${known.id}.`);
      else wrong.push(`The cloud says that ${known.id} is ${known.state}.`);
    }
    group = [];
  };
  await readLog(folder.log, async (entry) => {
    if (entry.did !== "made") return;
    const { device, key_fingerprint } = entry as unknown as Extract<Made, { did: "made" }>;
    group.push({ id: device, key_fingerprint });
    if (group.length === DEVICES_MAX) await ask();
  });
  await ask();
  return wrong;
}
