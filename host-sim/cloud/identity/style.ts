/** The style of all pages, for light and dark. Contrast is at least 4.5 to 1 (WCAG 2.2, 1.4.3). */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #f3f4f1; --card: #ffffff; --ink: #1b211e; --soft: #59635e; --line: #cfd6d1;
  --accent: #0f6b4f; --on-accent: #ffffff; --accent-back: #e6f2ed; --alarm: #a3211c; --alarm-back: #fdeceb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #101412; --card: #1a201d; --ink: #e9efeb; --soft: #a3afa8; --line: #3b4540;
    --accent: #5cd0a5; --on-accent: #06281c; --accent-back: #1d332a; --alarm: #ffb4ae; --alarm-back: #3d1d1b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 1.5rem 1rem; display: grid; place-content: center;
  justify-items: center; gap: 1rem; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main {
  width: min(26rem, calc(100vw - 2rem)); padding: 2rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 1rem; box-shadow: 0 8px 30px rgb(0 0 0 / 7%);
}
@media (max-width: 30rem) { main { padding: 1.25rem; } }
footer { max-width: 26rem; color: var(--soft); font-size: .8125rem; text-align: center; text-wrap: balance; }
.brand { display: flex; align-items: center; gap: .5rem; margin: 0 0 1.25rem; font-weight: 650; color: var(--accent); }
.brand svg { fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linecap: round; }
main > :last-child, form > :last-child { margin-bottom: 0; }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; }
p { margin: 0 0 1rem; }
.soft { color: var(--soft); }
label, legend { display: block; margin: 0 0 .375rem; padding: 0; font-size: .875rem; font-weight: 600; }
fieldset { margin: 0 0 1.25rem; padding: 0; border: 0; }
input[type=text], input[type=password] {
  width: 100%; min-height: 2.875rem; margin: 0 0 1.125rem; padding: .5rem .75rem; color: var(--ink);
  background: var(--card); border: 1px solid var(--soft); border-radius: .5rem; font: inherit;
}
input.code { font: 600 1.5rem/1 ui-monospace, "SF Mono", Menlo, monospace; letter-spacing: .12em; text-align: center; text-transform: uppercase; }
.choice {
  display: flex; align-items: center; gap: .625rem; min-height: 2.75rem; margin: 0 0 .5rem; padding: .375rem .75rem;
  border: 1px solid var(--line); border-radius: .5rem; font-size: 1rem; font-weight: 400; cursor: pointer;
}
.choice:has(:checked) { border-color: var(--accent); background: var(--accent-back); }
.choice small { margin-left: auto; color: var(--soft); }
input[type=radio] { accent-color: var(--accent); width: 1.125rem; height: 1.125rem; }
button {
  width: 100%; min-height: 2.875rem; margin: .25rem 0 0; padding: .5rem 1rem; border: 1px solid transparent;
  border-radius: .5rem; background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer;
}
button:hover { filter: brightness(1.08); }
button.second { margin-top: .625rem; background: transparent; border-color: var(--line); color: var(--ink); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.alarm { padding: .625rem .75rem; border-radius: .5rem; background: var(--alarm-back); color: var(--alarm); }
.who { display: flex; align-items: center; gap: .75rem; padding: .75rem; border-radius: .5rem; background: var(--accent-back); overflow-wrap: anywhere; }
.who b { display: block; line-height: 1.3; }
.who i {
  flex: none; display: grid; place-content: center; width: 2.25rem; height: 2.25rem; border-radius: 50%;
  background: var(--accent); color: var(--on-accent); font-style: normal; font-weight: 650;
}
ul { margin: 0 0 1.25rem; padding: 0 0 0 1.25rem; }
li { margin: .25rem 0; }
code.big { display: block; margin: 0 0 1rem; font: 600 2rem/1.4 ui-monospace, "SF Mono", Menlo, monospace; letter-spacing: .08em; text-align: center; }
`;
