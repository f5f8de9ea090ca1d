/** Settings of the app's own in a partition, each written as `namespace.key=type:value`. */
import { printable, usage } from "../cli/failure.js";
import type { Partition } from "../nvs/partition.js";
import { parseValue } from "../nvs/value.js";
import { NAMESPACE } from "./provision.js";

/** Writes each into a partition. */
export const linesIn =
  (lines: readonly string[]) =>
  (partition: Partition): void => {
    for (const line of lines) setLine(partition, line);
  };

/** Writes one into a partition. @throws Failure for a line that is none, and for motekey's own names */
function setLine(partition: Partition, line: string): void {
  const [, namespace = "", key = "", value = ""] = /^([^.=]+)\.([^=]+)=(.*)$/s.exec(line) ?? [];
  if (namespace === "")
    throw usage("A setting is not written as namespace.key=type:value.", "Such as app.interval=u32:600.");
  setIn(partition, namespace, key, value);
}

/** Writes one whose names stand elsewhere. @param value as `type:value` @throws Failure for motekey's own names */
export function setIn(partition: Partition, namespace: string, key: string, value: string): void {
  if (namespace === NAMESPACE && key.startsWith("motekey-"))
    throw usage(`'${printable(key, 40)}' is motekey's own.`, "Give --id, --psk-file and --counter instead.");
  partition.set(namespace, key, parseValue(value));
}
