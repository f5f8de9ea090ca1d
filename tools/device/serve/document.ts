/** The page's document and its looks. Scripts and styles are files of their own, as its policy asks. */

/** Those that the boot loader's library knows. */
const CHIPS = [
  ...[
    "ESP32",
    "ESP32-S2",
    "ESP32-S3",
    "ESP32-C2",
    "ESP32-C3",
    "ESP32-C5",
    "ESP32-C6",
    "ESP32-C61",
    "ESP32-H2",
  ],
  "ESP32-P4",
];

export const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bench · motekey</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body>
<header>
  <h1>Bench</h1>
  <p><span id="cloud"></span><span id="operator"></span></p>
</header>
<main>
  <section id="failure" role="alert" hidden><strong id="failure-what"></strong> <span id="failure-next"></span></section>
  <section class="card" id="login-card" hidden>
    <h2>Sign in</h2>
    <p>Devices are registered in your name.</p>
    <button id="login" class="main">Sign in</button>
    <p><a id="login-link" target="_blank" rel="noopener noreferrer" hidden>Open the sign-in page</a></p>
  </section>
  <div id="work" hidden>
    <form class="card" id="flash-form">
      <h2>Flash a device</h2>
      <label for="id">Device id</label>
      <input id="id" autocomplete="off" spellcheck="false" pattern="[A-Za-z0-9_\\-]{1,128}" maxlength="128" placeholder="a new one">
      <label for="chip">Chip</label>
      <select id="chip">
        <option value="">any</option>
        ${CHIPS.map((chip) => `<option>${chip}</option>`).join("\n        ")}
      </select>
      <details>
        <summary>Settings of the app</summary>
        <label for="settings">One a line: namespace.key=type:value</label>
        <textarea id="settings" rows="3" spellcheck="false" placeholder="app.interval=u32:600"></textarea>
      </details>
      <button class="main">Choose the port and flash</button>
    </form>
    <section class="card" id="done-card" hidden>
      <h2><span aria-hidden="true">✓</span> Flashed</h2>
      <dl id="done"></dl>
      <button id="next" type="button">Next device</button>
    </section>
    <form class="card" id="wifi-form">
      <h2>Wi-Fi</h2>
      <p>The device's app has to speak Improv Serial. The password goes to the device only.</p>
      <label for="ssid">Network</label>
      <input id="ssid" required maxlength="32" autocomplete="off" spellcheck="false">
      <label for="password">Password</label>
      <input id="password" type="password" minlength="8" maxlength="64" autocomplete="off">
      <button>Join</button>
    </form>
    <section class="card" id="labels-card" hidden>
      <h2>Labels</h2>
      <ul id="labels"></ul>
      <button id="print" type="button">Print</button>
    </section>
  </div>
  <progress id="bar" max="1" hidden></progress>
  <p id="note" role="status"></p>
</main>
</body>
</html>
`;

/** A key, as tabs show it. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="none" stroke="#2f7fe0" stroke-width="2" d="M9 8a3.5 3.5 0 1 1-.1-1H15v3m-3-3v2"/></svg>`;

export const CSS = `:root {
  color-scheme: light dark;
  font: 1rem/1.5 system-ui, sans-serif;
  --back: light-dark(#f4f5f7, #14161a);
  --card: light-dark(#fff, #1e2127);
  --line: light-dark(#c9ced6, #3b414c);
  --text: light-dark(#1b1f24, #e8eaee);
  --dim: light-dark(#565e6b, #a4acb9);
  --accent: light-dark(#0b5fc1, #7db4ff);
  --on-accent: light-dark(#fff, #10141a);
  --bad: light-dark(#a1121f, #ffb3b3);
  --bad-back: light-dark(#fdeced, #3a1c1f);
  --good: light-dark(#14713f, #7fdca8);
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--back); color: var(--text); }
header, main { max-width: 44rem; margin: 0 auto; padding: 1rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1rem; }
header p { margin: 0; color: var(--dim); display: flex; flex-wrap: wrap; gap: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.125rem; margin: 0 0 .5rem; }
h2 > span { color: var(--good); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 0 0 1rem; }
.card p { margin: 0 0 .75rem; color: var(--dim); }
label { display: block; margin: 0 0 .25rem; }
input, select, textarea { width: 100%; font: inherit; color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: .25rem; padding: .5rem; margin: 0 0 .75rem; }
input::placeholder, textarea::placeholder { color: var(--dim); opacity: 1; }
textarea, code, dd { font-family: ui-monospace, monospace; }
details { margin: 0 0 .75rem; }
summary { cursor: pointer; margin: 0 0 .5rem; }
button { font: inherit; color: var(--accent); background: transparent; border: 1px solid var(--accent); border-radius: .25rem; padding: .5rem 1rem; min-height: 2.75rem; cursor: pointer; }
button.main { color: var(--on-accent); background: var(--accent); }
button:disabled { opacity: .5; cursor: default; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
#failure { color: var(--bad); background: var(--bad-back); border: 1px solid currentColor; border-radius: .5rem; padding: .75rem 1rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
#note { margin: 0; color: var(--dim); min-height: 1.5rem; overflow-wrap: anywhere; }
progress { width: 100%; accent-color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0 0 1rem; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
ul { list-style: none; margin: 0 0 1rem; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .75rem; }
li { display: flex; gap: .75rem; align-items: center; }
canvas { width: 6rem; height: 6rem; image-rendering: pixelated; flex: none; }
code { display: block; font-size: .8125rem; overflow-wrap: anywhere; }
@media print {
  header, #flash-form, #done-card, #wifi-form, #failure, #note, progress, #labels-card h2, button { display: none !important; }
  body, .card { background: #fff; color: #000; border: 0; }
  header, main { max-width: none; padding: 0; }
  .card { padding: 0; }
  ul { grid-template-columns: repeat(3, 1fr); }
  li { break-inside: avoid; }
}
`;
