/** What stands on the page. Nothing is ever made from text as HTML. */
import { create } from "qrcode";
import { Failure } from "../../../cli/failure.js";
import { textOf } from "../../label/text.js";

/** An element that the document has. */
export function the<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no ${id}`);
  return element as T;
}

export const show = (id: string, isShown: boolean): void => {
  the(id).hidden = !isShown;
};

/** What happens now; the last line is read aloud. */
export function note(text: string): void {
  the("note").textContent = text;
}

/** How far a transfer is; null: none is under way. */
export function progress(part: number | null): void {
  const bar = the<HTMLProgressElement>("bar");
  bar.hidden = part === null;
  bar.value = part ?? 0;
}

/** What to do next, where all that the tools say is for the terminal. */
const NEXT: Readonly<Record<string, string>> = {
  device_silent: "Check the cable. Hold BOOT, press and release RESET (EN), release BOOT, and try again.",
  device_unfit: "Use a board that was not locked yet, or provision it over the air.",
  device_unverified: "Use a shorter cable, and try again. If it comes again, do not ship this board.",
  partition_damaged: "Flash the app with its partition table first.",
  partition_unfit: "Give the partition more pages in the partition table, or store less.",
  port_unavailable: "Plug the device in, and choose its port again.",
  not_authenticated: "Sign in.",
  token_expired: "Sign in again.",
  invalid_token: "Sign in again.",
  usage: "Change it, and try again.",
};

/** What of a next step can be done here: what names a flag or a command is for the terminal. */
const withoutFlags = (next: string): string => {
  const parts = next.split(/(?<=[.;])\s+/).filter((part) => !/ --|motekey /.test(` ${part}`));
  return parts.join(" ").replace(/;$/, ".");
};

/** A failure in two sentences. */
export function tell(failure: unknown): void {
  const box = the("failure");
  box.hidden = failure === null;
  if (failure === null) return;
  const isTold = failure instanceof Failure;
  const message = isTold ? failure.message : "The page met something that it does not know.";
  const given = isTold ? failure.next : "Reload the page; please report it.";
  const here = withoutFlags(given);
  the("failure-what").textContent = message;
  the("failure-next").textContent = here === "" && isTold ? (NEXT[failure.code] ?? "Try again.") : here;
  box.scrollIntoView({ block: "nearest" });
}

/** Rows of a name and a value. */
export function rows(id: string, values: readonly (readonly [name: string, value: string])[]): void {
  const list = the(id);
  list.replaceChildren(
    ...values.flatMap(([name, value]) => {
      const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      detail.textContent = value;
      return [term, detail];
    }),
  );
}

/** Modules of white around a code (ISO/IEC 18004, 9.1). */
const QUIET = 4;
const PIXELS = 6;

/** A label as 'device label' makes it: the code, the id and the fingerprint, and no secret. */
export function addLabel(id: string, fingerprint: string): void {
  const text = textOf({ id, fingerprint, psk: null });
  const labels = the("labels");
  if ([...labels.children].some((label) => (label as HTMLElement).dataset.text === text)) return;
  const label = document.createElement("li");
  label.dataset.text = text;
  const canvas = document.createElement("canvas");
  const { modules } = create(text, {});
  canvas.width = canvas.height = (modules.size + 2 * QUIET) * PIXELS;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `QR code of ${id}`);
  const pen = canvas.getContext("2d");
  if (pen !== null) {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = "#000";
    for (let row = 0; row < modules.size; row++)
      for (let column = 0; column < modules.size; column++)
        if (modules.get(row, column))
          pen.fillRect((column + QUIET) * PIXELS, (row + QUIET) * PIXELS, PIXELS, PIXELS);
  }
  const words = document.createElement("div");
  for (const line of [id, fingerprint]) {
    const code = document.createElement("code");
    code.textContent = line;
    words.append(code);
  }
  label.append(canvas, words);
  labels.append(label);
  show("labels-card", true);
}
