/** Something that an object leads to, and the way there, for messages. */
export interface Found<Value> {
  path: string;
  value: Value;
}

/** All that an object's fields lead to: its byte arrays and its texts. */
export interface Reachable {
  arrays: Found<Uint8Array>[];
  texts: Found<string>[];
}

/** Walks the fields of a graph of objects, each object once. Arrays of any element type are told as their bytes. */
export function reachableFrom(root: object): Reachable {
  const reachable: Reachable = { arrays: [], texts: [] };
  const seen = new Set<unknown>();
  const open: Found<unknown>[] = [{ path: "", value: root }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, value } = next;
    if (typeof value === "string") reachable.texts.push({ path, value });
    const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
    if (!isObject || seen.has(value)) continue;
    seen.add(value);
    if (ArrayBuffer.isView(value)) {
      // The whole buffer: a view may show a part of what is there.
      reachable.arrays.push({ path, value: new Uint8Array(value.buffer) });
      continue;
    }
    if (value instanceof Map || value instanceof Set) {
      for (const inner of value) open.push({ path: `${path}[…]`, value: inner });
    }
    for (const name of Reflect.ownKeys(value)) {
      const field = Object.getOwnPropertyDescriptor(value, name);
      open.push({ path: `${path}.${String(name)}`, value: field?.value });
    }
  }
  return reachable;
}
