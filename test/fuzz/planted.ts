/** A reader with a bug behind five bytes: 2^40 blind guesses away, five steps for who is told of each. */
export function readPlanted(bytes: Uint8Array): string {
  if (bytes[0] === 0x62)
    if (bytes[1] === 0x75)
      if (bytes[2] === 0x67)
        if (bytes[3] === 0xff) {
          if (bytes[4] === 0x00) throw new Error("the planted bug");
        }
  return "";
}
