/** Labels for devices: a QR code with what is needed to find one again, and the same in letters. */
import { PDFDocument, type PDFFont, type PDFPage, rgb, StandardFonts } from "pdf-lib";
import { create, toBuffer } from "qrcode";
import { type Label, textOf } from "./text.js";

const PNG_PIXELS_PER_MODULE = 8;
/** Modules of white around a code (ISO/IEC 18004, 9.1). */
const QUIET = 4;

/** A4, 3 × 8 labels of 70 × 37 mm, which every stationer has. Points. */
const SHEET = { width: 595.28, height: 841.89, columns: 3, rows: 8 } as const;
const CELL = { width: SHEET.width / SHEET.columns, height: SHEET.height / SHEET.rows } as const;
const CODE = 76;
const MARGIN = 10;
const LETTERS = 7;

/** One label's code as PNG. */
export function pngOf(label: Label): Promise<Buffer> {
  return toBuffer(textOf(label), { type: "png", scale: PNG_PIXELS_PER_MODULE, margin: QUIET });
}

/** How many labels a sheet has. */
export const PER_SHEET = SHEET.columns * SHEET.rows;

/** Sheets of labels as one PDF: codes as areas, not as pictures, so that any printer has sharp edges. */
export async function pdfOf(labels: readonly Label[]): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  const font = await document.embedFont(StandardFonts.Courier);
  let page: PDFPage | null = null;
  for (const [index, label] of labels.entries()) {
    const place = index % PER_SHEET;
    if (page === null || place === 0) page = document.addPage([SHEET.width, SHEET.height]);
    const x = (place % SHEET.columns) * CELL.width;
    const y = SHEET.height - Math.floor(place / SHEET.columns) * CELL.height;
    draw(page, font, label, x + MARGIN, y - MARGIN);
  }
  return document.save();
}

function draw(page: PDFPage, font: PDFFont, label: Label, x: number, y: number): void {
  const { modules } = create(textOf(label), {});
  const scale = CODE / modules.size;
  const runs: string[] = [];
  for (let row = 0; row < modules.size; row++)
    for (let from = 0; from < modules.size; from++) {
      let to = from;
      while (to < modules.size && modules.get(row, to)) to++;
      if (to > from) runs.push(`M${from} ${row}h${to - from}v1h${from - to}z`);
      from = to;
    }
  page.drawSvgPath(runs.join(""), { x, y, scale, color: rgb(0, 0, 0) });
  const left = x + CODE + MARGIN;
  const width = CELL.width - CODE - 3 * MARGIN;
  const letters = Math.floor(width / font.widthOfTextAtSize("0", LETTERS));
  const lines = [...wrapped(label.id, letters), "", ...wrapped(label.fingerprint ?? "", letters)];
  for (const [index, line] of lines.entries())
    page.drawText(line, { x: left, y: y - LETTERS - index * LETTERS * 1.3, size: LETTERS, font });
}

/** No letter of an id may be lost: two devices could look the same. */
function wrapped(text: string, letters: number): string[] {
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += letters) lines.push(text.slice(at, at + letters));
  return lines;
}
