/** Writes a partition, and believes nothing until it was read back. */
import { Failure } from "../../cli/failure.js";
import { type EspChip, md5, type Progress } from "../../esp/chip.js";
import { hex } from "../../nvs/writer.js";

/** How often the whole image is written. */
const ATTEMPTS = 2;

/**
 * Writes an image and reads it back; the chip's MD5 of it and all its bytes must be the image's. A first time that was
 * not is tried again: a line that changed a byte may not change it twice.
 * @throws Failure where the second time was not either
 */
export async function writeVerified(
  chip: EspChip,
  at: number,
  image: Buffer,
  progress: { readonly writing: Progress; readonly again: (why: string) => void },
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await chip.write(at, image, progress.writing);
    const why = await differenceOf(chip, at, image);
    if (why === null) return;
    if (attempt === ATTEMPTS)
      throw new Failure(
        "device_unverified",
        `What the chip holds at ${hex(at)} is not what was written: ${why}.`,
        "Its flash may be worn out or its supply weak: do not ship this board. What the partition held before is in its backup.",
      );
    progress.again(why);
  }
}

/** What of the flash is not the image; null: nothing. */
async function differenceOf(chip: EspChip, at: number, image: Buffer): Promise<string | null> {
  if ((await chip.md5(at, image.length)) !== md5(image).toString("hex")) return "its MD5 differs";
  const stored = await chip.read(at, image.length);
  const index = stored.findIndex((byte, i) => byte !== image[i]);
  return index === -1 ? null : `the byte at ${hex(at + index)} differs`;
}
