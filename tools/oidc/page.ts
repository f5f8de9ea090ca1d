/**
 * The page that the browser shows at the end.
 * @param title and `text` are ours: nothing from outside is shown
 */
export function page(title: string, text: string, isGood: boolean): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · motekey</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { min-height: 100vh; margin: 0; display: grid; place-content: center; text-align: center; padding: 1rem; }
.mark { font-size: 3rem; line-height: 1; color: ${isGood ? "#1a7f4b" : "#c0392b"}; }
h1 { font-size: 1.5rem; margin: 1rem 0 .25rem; }
p { margin: 0; opacity: .75; }
</style>
<main><div class="mark" aria-hidden="true">${isGood ? "✓" : "✗"}</div><h1>${title}</h1><p>${text}</p></main>
</html>
`;
}
