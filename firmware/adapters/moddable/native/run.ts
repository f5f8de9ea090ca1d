/** In the place of wire/run on this engine, with the C of `firmware/native`. */
import type * as shared from "../../../wire/run.js";

export const copyPlain: typeof shared.copyPlain = native("xs_motekey_copyPlain");
export const skipPlain: typeof shared.skipPlain = native("xs_motekey_skipPlain");
