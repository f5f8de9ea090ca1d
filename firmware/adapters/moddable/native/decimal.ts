import type * as shared from "../../../wire/decimal.js";

/** `decimalLength` of wire/decimal on this engine, with the C of `firmware/native`. */
export const decimalLength: typeof shared.decimalLength = native("xs_motekey_decimalLength");
/** `writeDecimal` of wire/decimal. */
export const writeDecimal: typeof shared.writeDecimal = native("xs_motekey_writeDecimal");
