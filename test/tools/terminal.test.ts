/** On a terminal: questions, a password that is not shown, [y/N], Ctrl-C, colours. The terminal is tmux's. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { ANN, confirm, startAcme } from "./acme.js";
import { ExampleDevice } from "./improv/device.js";
import { PtyBoard } from "./loader/board.js";
import { MOTEKEY, needProgram } from "./process.js";

const LIMIT_MS = 60_000;
/** What sets a foreground colour (ECMA-48, 8.3.117). */
const COLOUR = new RegExp(`${String.fromCharCode(0x1b)}\\[[39][0-7]m`);

describe("on a terminal", function () {
  this.timeout(90_000);
  let identity: Identity;
  let folder: string;

  before(async function () {
    needProgram(this, "tmux", "tmux");
    identity = await startAcme();
  });
  after(() => identity?.close());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "motekey-terminal-"));
    const env = [
      `MOTEKEY_ISSUER=${identity.issuer}`,
      `MOTEKEY_CONFIG_PATH=${join(folder, "config.json")}`,
      "PS1=ready>",
      `PATH=${process.env.PATH}`,
      "LANG=C.UTF-8",
    ];
    const shell = ["env", "-i", "TERM=screen-256color", ...env, "sh"];
    tmux("new-session", "-d", "-x", "150", "-y", "40", ...shell);
    type(`motekey() { "${process.execPath}" "${MOTEKEY}" "$@"; echo "exit=$?"; }`, "Enter");
  });
  afterEach(() => {
    tmux("kill-server");
    rmSync(folder, { recursive: true, force: true });
  });

  const tmux = (...words: string[]): string =>
    execFileSync("tmux", ["-u", "-S", join(folder, "tmux"), "-f", "/dev/null", ...words], {
      encoding: "utf8",
    });
  const type = (...keys: string[]) => tmux("send-keys", ...keys);
  const screen = (...more: string[]) => tmux("capture-pane", "-p", ...more).trimEnd();
  /** Types a command line on an empty screen: nothing that is found there afterwards was there before. */
  const enter = (line: string) => {
    tmux("send-keys", "-R");
    type(line, "Enter");
  };

  /** The screen, once it shows this. */
  const shows = async (what: RegExp): Promise<string> => {
    const endMs = performance.now() + LIMIT_MS;
    while (performance.now() < endMs) {
      const text = screen();
      if (what.test(text)) return text;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new assert.AssertionError({ message: `${what} is not on the screen:\n${screen()}` });
  };
  const logIn = async () => {
    type("motekey auth login --username --insecure-storage", "Enter");
    await shows(/^Enter username:/m);
    type("ann", "Enter");
    await shows(/^Enter password:/m);
    type("-l", ANN.password);
    type("Enter");
    await shows(/exit=0/);
  };

  it("asks for the user name and the password, as documented; the password is shown as asterisks", async () => {
    await logIn();
    const text = screen();
    assert.match(text, /^Enter username: ann$/m);
    assert.match(text, new RegExp(`^Enter password: \\*{${ANN.password.length}}$`, "m"));
    assert.match(text, /^Logged in as user: ann\.$/m);
    assert.ok(!text.includes(ANN.password));
  });

  it("a password can be mended: backspace and Ctrl-U erase", async () => {
    type("motekey auth login --username ann --insecure-storage", "Enter");
    await shows(/^Enter password:/m);
    type("-l", "wrong");
    type("C-u");
    type("-l", `${ANN.password}x`);
    type("BSpace", "Enter");
    assert.match(await shows(/exit=\d/), /exit=0/);
  });

  const questions: [line: string, question: RegExp, needsLogin: boolean][] = [
    ["auth login --username --insecure-storage", /^Enter username:/m, false],
    ["auth login --username ann --insecure-storage", /^Enter password:/m, false],
    ["auth login --no-browser --insecure-storage", /^Waiting for authentication/m, false],
    ["auth login --device-code --insecure-storage", /^Waiting for authentication/m, false],
    ["auth logout", /\[y\/N\]/, true],
    ["auth switch", /Which organization\?/, true],
  ];
  for (const [line, question, needsLogin] of questions) {
    it(`Ctrl-C at the question of '${line}' ends it with 130, and the terminal echoes again`, async () => {
      if (needsLogin) await logIn();
      type(`clear; motekey ${line}`, "Enter");
      await shows(question);
      type("C-c");
      await shows(/exit=130\nready>/);
      assert.doesNotMatch(screen(), /Error| {4}at /);
      type("echo echoed", "Enter");
      await shows(/^ready>.*echo echoed$/m);
    });
  }

  it("'auth logout' asks [y/N]: n and Enter do nothing, y logs out", async () => {
    await logIn();
    for (const answer of ["n", ""]) {
      enter("motekey auth logout");
      await shows(/Are you sure you want to logout\? \[y\/N\]$/m);
      type(answer, "Enter");
      await shows(/Nothing was changed\.\s+exit=1/);
    }
    enter("motekey auth logout");
    await shows(/\[y\/N\]/);
    type("y", "Enter");
    assert.match(await shows(/exit=\d/), /\[y\/N\] y\n✓ Successfully logged out\nexit=0/);
  });

  it("'auth switch' shows lists to choose from", async () => {
    await logIn();
    enter("motekey auth switch");
    await shows(/Which organization\?/);
    type("Down", "Enter");
    assert.match(
      await shows(/exit=\d/),
      /Default account: ann@example\.com \(team acme, organization Other Org\)\nexit=0/,
    );
  });

  it("'device wifi' lists the networks, takes a number, and shows the password as asterisks", async function () {
    needProgram(this, "socat", "socat");
    const device = new ExampleDevice([{ ssid: "factory", rssi: -40, password: "correct horse" }]);
    const pty = await new PtyBoard(device, folder).plug();
    try {
      enter(`motekey device wifi --port ${pty.path}`);
      await shows(/^ {2}1 {2}factory\n+Which network\? /m);
      type("1", "Enter");
      await shows(/^Password of 'factory' \(none: empty\):/m);
      type("-l", "correct horse");
      type("Enter");
      const text = await shows(/exit=\d/);
      assert.match(text, /^Network {2}factory: joined$/m);
      assert.ok(text.includes("*".repeat(13)) && !text.includes("correct horse"));
    } finally {
      await pty.unplug();
    }
  });

  it("'auth switch' searches the list by what is typed", async () => {
    await logIn();
    enter("motekey auth switch");
    await shows(/Which organization\?/);
    type("other");
    await shows(/1 match/);
    type("Enter");
    assert.match(await shows(/exit=\d/), /organization Other Org\)\nexit=0/);
  });

  describe("a device's code", () => {
    /** The address and the code on the screen, once the login waits. */
    const shown = async (): Promise<{ url: string; code: string }> => {
      const text = await shows(/Press c to copy the code\.\s+Waiting for authentication/);
      const url = /^https?:\S+$/m.exec(text)?.[0] ?? "";
      return { url, code: /shows the code (\S+)\./.exec(text)?.[1] ?? "" };
    };

    it("is copied by c to the terminal's clipboard (OSC 52), and the login goes on", async () => {
      tmux("set-option", "-s", "set-clipboard", "on");
      type("motekey auth login --device-code --insecure-storage", "Enter");
      const { url, code } = await shown();
      type("c");
      await shows(/sent to the terminal for its clipboard, which says nothing back \(OSC 52\)/);
      assert.equal(tmux("show-buffer"), code);
      // No other key is taken, or shown.
      type("x", "Enter");
      await confirm(url, code);
      assert.doesNotMatch(
        await shows(/✓ Successfully authenticated as ann@example\.com[\s\S]*exit=0/),
        /^x/m,
      );
    });

    it("is copied by the desktop's program; what failed is said", async () => {
      const program = (name: string, script: string) =>
        writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o700 });
      program("wl-copy", "exit 3");
      program("xclip", `echo "$@" > "${folder}/words"; cat > "${folder}/copied"`);
      type(`export WAYLAND_DISPLAY=w DISPLAY=:99 "PATH=${folder}:$PATH"`, "Enter");
      type("motekey auth login --device-code --insecure-storage", "Enter");
      const { code } = await shown();
      type("c");
      await shows(/^The code is in the clipboard \(xclip\)\.$/m);
      assert.equal(readFileSync(join(folder, "copied"), "utf8"), code);
      assert.equal(readFileSync(join(folder, "words"), "utf8"), "-selection clipboard -in\n");
      program("xclip", "exit 1");
      type("c");
      await shows(
        /^wl-copy: ended with status 3; xclip: ended with status 1; xsel: there is no such program\./m,
      );
      type("C-c");
      await shows(/exit=130/);
    });

    it("on a terminal without a clipboard: said; Ctrl-Z stops the login, and fg goes on with it", async () => {
      type("export TERM=linux", "Enter");
      // A shell with job control, as people have.
      type(`bash --norc -im`, "Enter");
      type(`"${process.execPath}" "${MOTEKEY}" auth login --device-code --insecure-storage`, "Enter");
      const { url, code } = await shown();
      type("c");
      await shows(/^The code is not copied: this terminal has no clipboard\.$/m);
      type("C-z");
      await shows(/Stopped/);
      enter("fg");
      await shows(/auth login/);
      type("c");
      await shows(/^The code is not copied/m);
      await confirm(url, code);
      await shows(/✓ Successfully authenticated as ann@example\.com/);
    });
  });

  it("NO_COLOR: a list to choose from has no colour either", async () => {
    await logIn();
    type("clear; NO_COLOR=1 motekey auth switch", "Enter");
    await shows(/Which organization\?/);
    assert.deepEqual(screen("-e").match(COLOUR), null);
  });

  it("colours are for terminals: NO_COLOR, a pipe and --json have none", async () => {
    type("motekey auth status", "Enter");
    await shows(/exit=1/);
    assert.ok(screen("-e").includes("\u001b[31m"));
    enter("NO_COLOR=1 motekey auth status; motekey auth status | cat; motekey auth status --json");
    await shows(/(exit=1[\s\S]*){3}/);
    assert.ok(!screen("-e").includes("\u001b[31m"));
  });

  it("a login on another machine: the last page's address is pasted", async () => {
    identity.faults.lacks = ["device_authorization_endpoint"];
    try {
      type("motekey auth login --no-browser --insecure-storage", "Enter");
      await shows(/paste its address here/);
      type("http://127.0.0.1:1/callback?code=x", "Enter");
      await shows(/This is not the answer/);
      type("C-c");
      await shows(/exit=130/);
    } finally {
      identity.faults.lacks = [];
    }
  });
});
