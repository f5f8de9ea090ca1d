export interface EspruinoBundle {
  /** A module's text instead of the firmware's own entry; it assigns to `exports`, with quoted names. */
  entry?: string;
  /** Shortens the names that no app meets. Default true. */
  mangle?: boolean;
  minify?: boolean;
  /** Puts what the engine does natively in the place of the shared source. Default true. */
  native?: boolean;
}
/** The firmware's own entry with `Messages`. */
export const MESSAGES_ENTRY: string;
/** The firmware, or another entry, as one file for Espruino's `require`. */
export function bundleEspruino(options?: EspruinoBundle): Promise<string>;
