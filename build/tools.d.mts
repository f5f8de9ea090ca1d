/** What Node reads before a command is chosen. */
export interface LoadedAtStart {
  /** Paths below tools/. */
  readonly sources: readonly string[];
  readonly packages: readonly string[];
  readonly bytes: number;
}

/** What the package ships, in tools/dist. */
export function bundleTools(): Promise<void>;

/** The repository's own bundle, in tools/.cache. */
export function bundleToolsWhenChanged(): Promise<void>;

/** Looks at the bundle that the package ships, without writing it. */
export function loadedAtStart(): Promise<LoadedAtStart>;
