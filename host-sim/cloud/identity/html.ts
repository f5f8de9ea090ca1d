import { createHash } from "node:crypto";
import type { Context } from "./context.js";
import { STYLE } from "./style.js";

/** Markup that is safe as it stands. */
export class Html {
  /** Use `html`. */
  constructor(readonly text: string) {}
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A piece of a page; what is filled in is escaped unless it is Html. Lists are joined, undefined is nothing. */
export function html(texts: TemplateStringsArray, ...values: unknown[]): Html {
  return new Html(texts.map((text, at) => text + (at < values.length ? shown(values[at]) : "")).join(""));
}

function shown(value: unknown): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(shown).join("");
  if (value === undefined || value === false) return "";
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/**
 * No script, nothing from elsewhere, in nobody's frame. `form-action` is left out: browsers apply it to the
 * redirect after a form too, which leads to the command line's own port.
 */
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'`;

/** A whole page. */
export function answerPage(ctx: Context, title: string, content: Html): void {
  ctx.type = "html";
  ctx.set({
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  });
  ctx.body = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · motekey</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
<p class="brand"><svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true"><circle cx="9" cy="9" r="6"/><path d="m13.5 13.5 7 7m-3-3 2.5-2.5"/></svg>motekey</p>
<h1>${title}</h1>
${content}
</main>
<footer>A mock cloud for tests. Give it no password that you use elsewhere.</footer>
</body>
</html>
`.text;
}
