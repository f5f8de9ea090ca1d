import type * as shared from "../../../wire/run.js";

/** `copyPlain` of wire/run on this engine, with the C of `firmware/native`. */
export const copyPlain: typeof shared.copyPlain = native("xs_motekey_copyPlain");
/** `skipPlain` of wire/run. */
export const skipPlain: typeof shared.skipPlain = native("xs_motekey_skipPlain");
