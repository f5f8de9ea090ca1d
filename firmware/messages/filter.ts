import { bytesOf, sameBytes } from "../wire/bytes.js";

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const DOLLAR = 0x24;

const SHARE = bytesOf("$share/");

const hasWildcardOrNul = (topic: Uint8Array): boolean => {
  for (let i = 0; i < topic.length; i++)
    if (topic[i] === PLUS || topic[i] === HASH || topic[i] === 0) return true;
  return false;
};

/** Whether a message may be published on this: 1 to 65,535 bytes without wildcards (MQTT 3.1.1, 4.7.3). */
export const isTopic = (topic: Uint8Array): boolean =>
  topic.length > 0 && topic.length <= 65_535 && !hasWildcardOrNul(topic);

/** How much of a filter names the group that shares it: `$share/<group>/` (MQTT 5, 4.8.2); 0: it is not shared. */
export const shareLength = (filter: Uint8Array): number => {
  let i = SHARE.length;
  if (filter.length < i || !sameBytes(filter, 0, SHARE, 0, i)) return 0;
  while (i < filter.length && filter[i] !== SLASH) i++;
  return i + 1;
};

/** Whether `filter[from..to)` has no wildcard. */
const isPlain = (filter: Uint8Array, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) if (filter[i] === PLUS || filter[i] === HASH) return false;
  return true;
};

/**
 * Whether this can be subscribed to: `+` stands for a whole level, `#` for all that follow (4.7.1); a group that shares
 * it has a name without either.
 */
export const isFilter = (filter: Uint8Array): boolean => {
  const length = filter.length;
  const share = shareLength(filter);
  if (share > 0 && (share <= SHARE.length + 1 || share >= length || !isPlain(filter, 0, share))) return false;
  for (let i = share; i < length; i++) {
    const c = filter[i];
    const isAlone = (i === 0 || filter[i - 1] === SLASH) && (i === length - 1 || filter[i + 1] === SLASH);
    if (c === 0 || ((c === PLUS || c === HASH) && !isAlone) || (c === HASH && i < length - 1)) return false;
  }
  return length > 0 && length <= 65_535;
};

/**
 * Whether a topic, of which the first `length` bytes count, is what a filter subscribes to (4.7).
 * @param from how much of the filter names a group: {@link shareLength}
 * @param isCut the topic goes on behind them: on the same level, as far as anybody can see
 */
export const matches = (
  filter: Uint8Array,
  from: number,
  topic: Uint8Array,
  length: number,
  isCut: boolean,
): boolean => {
  let at = 0;
  let i = from;
  // Topics of the broker's own begin with $, and no wildcard stands for their first level (4.7.2).
  if (topic[0] === DOLLAR && filter[from] !== DOLLAR) return false;
  while (i < filter.length) {
    const c = filter[i];
    if (c === HASH) return true;
    if (c === PLUS) {
      while (at < length && topic[at] !== SLASH) at++;
      i++;
    } else {
      // `a/#` is also what `a` is sent to.
      if (at === length) return c === SLASH && filter[i + 1] === HASH;
      if (topic[at] !== c) return false;
      at++;
      i++;
    }
  }
  return at === length && (!isCut || filter[filter.length - 1] === PLUS);
};

/** Where the level ends that begins at `from`. */
const levelEnd = (filter: Uint8Array, from: number): number => {
  let to = from;
  while (to < filter.length && filter[to] !== SLASH) to++;
  return to;
};

/**
 * Whether there is a topic that both filters subscribe to. Topics of the broker's own count as others do: some brokers
 * send them to `#`.
 * @param oneFrom, otherFrom how much of each names a group: {@link shareLength}
 */
export const overlap = (one: Uint8Array, oneFrom: number, other: Uint8Array, otherFrom: number): boolean => {
  let i = oneFrom;
  let j = otherFrom;
  for (;;) {
    if (one[i] === HASH || other[j] === HASH) return true;
    const iEnd = levelEnd(one, i);
    const jEnd = levelEnd(other, j);
    const isSame = iEnd - i === jEnd - j && sameBytes(one, i, other, j, iEnd - i);
    if (!isSame && one[i] !== PLUS && other[j] !== PLUS) return false;
    const isOver = iEnd === one.length;
    // `a/#` is also what `a` is sent to.
    if (isOver || jEnd === other.length)
      return isOver ? jEnd === other.length || other[jEnd + 1] === HASH : one[iEnd + 1] === HASH;
    i = iEnd + 1;
    j = jEnd + 1;
  }
};
