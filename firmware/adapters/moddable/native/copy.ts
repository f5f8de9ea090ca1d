/** In the place of wire/copy on this engine, with the C of `firmware/native`. */
import type * as shared from "../../../wire/copy.js";

export const sameBytes: typeof shared.sameBytes = native("xs_motekey_sameBytes");
export const copyBytes: typeof shared.copyBytes = native("xs_motekey_copyBytes");
