/** What differs between two partitions. */
import type { NvsItem } from "./format.js";
import type { Partition } from "./partition.js";

/** A key that is not the same in both. */
export interface Difference {
  readonly namespace: string;
  readonly key: string;
  readonly change: "added" | "removed" | "changed";
}

/** What was done to `before` to make it `after`, in the order of their values; nothing of a value is shown. */
export function differences(before: Partition, after: Partition): Difference[] {
  const found: Difference[] = [];
  const tell = ({ namespace, key }: NvsItem, change: Difference["change"]) =>
    found.push({ namespace, key, change });
  for (const item of before.items()) {
    const other = after.get(item.namespace, item.key);
    if (other === null) tell(item, "removed");
    else if (other.type !== item.type || Buffer.compare(other.data, item.data) !== 0) tell(item, "changed");
  }
  for (const item of after.items()) if (before.get(item.namespace, item.key) === null) tell(item, "added");
  return found;
}
