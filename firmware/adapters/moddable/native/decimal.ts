/** In the place of wire/decimal on this engine, with the C of `firmware/native`. */
import type * as shared from "../../../wire/decimal.js";

export const decimalLength: typeof shared.decimalLength = native("xs_motekey_decimalLength");
export const writeDecimal: typeof shared.writeDecimal = native("xs_motekey_writeDecimal");
