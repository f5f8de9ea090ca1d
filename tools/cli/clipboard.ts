/** A text to the clipboard: by the desktop's own program, else by the terminal, which may be far away. */
import { printable } from "./failure.js";
import type { System } from "./system.js";

type Program = readonly [program: string, ...words: string[]];

/** What became of the text, in words. */
export interface Copied {
  /** `program`: it is there; `terminal`: the terminal was asked, and says nothing back; null: nothing could be asked. */
  readonly by: "program" | "terminal" | null;
  /** The program, or what is in the way. */
  readonly detail: string;
}

/** Copies a text. What one program fails at, the next may do; the terminal is asked last. */
export async function copyText(system: System, text: string): Promise<Copied> {
  const failed: string[] = [];
  for (const [program, ...words] of programsOf(system)) {
    try {
      await system.pipeTo(program, words, text);
      return { by: "program", detail: program };
    } catch (failure) {
      failed.push(printable(`${program}: ${(failure as Error).message}`, 100));
    }
  }
  const detail = failed.join("; ");
  if (!takesSequences(system)) return { by: null, detail: detail || "this terminal has no clipboard" };
  // Operating System Command 52 of xterm: manipulate selection data, here the clipboard.
  system.stderr.write(`\u001b]52;c;${Buffer.from(text).toString("base64")}\u0007`);
  return { by: "terminal", detail };
}

/** The programs that a desktop of this kind has. */
function programsOf({ platform, env }: System): readonly Program[] {
  const isSet = (name: string) => (env[name] ?? "") !== "";
  if (platform === "darwin") return [["pbcopy"]];
  if (platform === "win32") return [["clip.exe"]];
  const programs: Program[] = [];
  if (isSet("WAYLAND_DISPLAY")) programs.push(["wl-copy"]);
  if (isSet("DISPLAY"))
    programs.push(["xclip", "-selection", "clipboard", "-in"], ["xsel", "--clipboard", "--input"]);
  if (isSet("TERMUX_VERSION")) programs.push(["termux-clipboard-set"]);
  if (isSet("WSL_DISTRO_NAME")) programs.push(["clip.exe"]);
  return programs;
}

/** The Linux console and a dumb terminal would show the sequence, or drop it. */
const takesSequences = ({ stderr, env }: System): boolean =>
  stderr.isTTY === true && !["", "dumb", "linux"].includes(env.TERM ?? "");
