const GROUPS = 8;
const NETWORK_GROUPS = 4;

/** The key that an address counts under: all of an IPv4 address; of IPv6 the /64, since one host has a whole one. */
export function networkOf(address: string): string {
  const four = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (four !== undefined) return four;
  const [front = "", back] = (address.split("%", 1)[0] ?? "").split("::", 2);
  const [left, right] = [front, back ?? ""].map((text) => (text === "" ? [] : text.split(":")));
  const [before, behind] = [left ?? [], right ?? []];
  const zeros = Array<string>(Math.max(0, GROUPS - before.length - behind.length)).fill("0");
  const groups = back === undefined ? before : [...before, ...zeros, ...behind];
  return `${groups.slice(0, NETWORK_GROUPS).join(":")}::/64`;
}
