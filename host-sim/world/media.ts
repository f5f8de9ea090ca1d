/** What a power cut during a write leaves: the values that changed. */
export interface Left {
  /** undefined: absent. */
  readonly changes: ReadonlyMap<string, Buffer | undefined>;
  /** The next write is lost though it says OK, and the value then 0 reads damaged, 1 fails to read, 2 is absent. Undefined: it is not lost. */
  readonly lie?: number;
  /** Values that nobody was writing are lost: no firmware can repair that. */
  readonly isDecay?: boolean;
}

/** Everything that a cut of one write can leave, in the order of its operations: first the old value, last the new one. */
type Medium = (values: ReadonlyMap<string, Buffer>, name: string, now: Buffer, isEach: boolean) => Left[];

const OLD: Left = { changes: new Map() };

const alone = (name: string, value: Buffer | undefined): Left => ({ changes: new Map([[name, value]]) });

/** This many bytes of the value, and erased flash behind them. */
const erasedFrom = (now: Buffer, bytes: number): Buffer =>
  Buffer.concat([now.subarray(0, bytes), Buffer.alloc(now.length - bytes, 0xff)]);

/** All names from this one on, in the medium's order, are lost. */
const lostFrom = (names: readonly string[], first: number): Left => ({
  changes: new Map(names.slice(first).map((name) => [name, undefined])),
  isDecay: true,
});

/**
 * Real stores. With `isEach` a cut may come after any byte of a value, else after none and after half of them:
 * no other place matters to a record.
 */
export const MEDIA = {
  /** ESP-IDF's NVS: absent from the first operation to the last; the first write after that may be lost. */
  nvs: (_values, name, now) => [
    OLD,
    alone(name, undefined),
    ...[0, 1, 2].map((lie) => ({ ...alone(name, undefined), lie })),
    alone(name, now),
  ],
  /** Espruino's Storage: the old file is erased, the new one has its header, then its bytes; or it compacts, through RAM. */
  storage: (values, name, now, isEach) => {
    const places = isEach ? Array.from(now, (_, i) => i) : [0, now.length >> 1];
    const names = [...values.keys()];
    if (values.get(name)?.equals(now) === true) return [OLD]; // then it writes nothing
    return [
      OLD,
      alone(name, undefined),
      ...places.map((place) => alone(name, erasedFrom(now, place))),
      ...(names.length > 0 ? [lostFrom(names, 0)] : []),
      ...(names.length > 1 && isEach ? [lostFrom(names, names.length >> 1)] : []),
      alone(name, now),
    ];
  },
  /** Moddable's on the Linux desktop: one file for all names, which it deletes and writes again. */
  file: (values, name, now) => {
    const names = [...values.keys()];
    return [OLD, ...names.map((_, first) => lostFrom(names, first)), alone(name, now)];
  },
  /** Node's: a file for each name, replaced by a rename. */
  directory: (_values, name, now) => [OLD, alone(name, now)],
} as const satisfies Record<string, Medium>;

export type MediumName = keyof typeof MEDIA;
