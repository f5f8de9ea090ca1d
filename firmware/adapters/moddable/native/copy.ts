import type * as shared from "../../../wire/copy.js";

/** `sameBytes` of wire/copy on this engine, with the C of `firmware/native`. */
export const sameBytes: typeof shared.sameBytes = native("xs_motekey_sameBytes");
/** `copyBytes` of wire/copy. */
export const copyBytes: typeof shared.copyBytes = native("xs_motekey_copyBytes");
