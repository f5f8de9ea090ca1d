/** What Node reads for some sources before any of them runs. */
export interface Loaded {
  /** Paths below tools/, those of packages inside the bundle too. */
  readonly sources: readonly string[];
  /** Packages outside of the bundle. */
  readonly packages: readonly string[];
  /** Node's own modules. */
  readonly builtins: readonly string[];
  readonly bytes: number;
}

/** What the package ships, in tools/dist. */
export function bundleTools(): Promise<void>;

/** The repository's own bundle, in tools/.cache. */
export function bundleToolsWhenChanged(): Promise<void>;

/**
 * Looks at the bundle that the package ships, without writing it.
 * @param entries paths below tools/: the entry, or what is imported when it is needed
 */
export function loadedFor(entries: readonly string[]): Promise<Loaded>;
