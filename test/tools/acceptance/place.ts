/** A person's machine, with all that is real: the mock cloud's process, GNOME Keyring, a terminal and chromium. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { findChromium, startChromium } from "../../servers/chromium.js";
import { MOTEKEY, needProgram, runProcess } from "../process.js";
import type { Said } from "../world.js";

/** Where npx finds the command. */
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What `motekey cloud start --json` told. */
export interface Started {
  readonly issuer: string;
  readonly user: string;
  readonly password: string;
}

/** What a person does at a question: wait for these words, then type these keys. */
export type Answer = readonly [question: string, keys: string];

/** How a line is run. */
export interface LineOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Has the bus and an unlocked keyring live until stdin ends. */
const SESSION =
  'printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; echo "bus=$DBUS_SESSION_BUS_ADDRESS"; cat';

/** Everything is in one folder, which is also HOME. */
export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), "motekey-place-"));
  /** What every line is run with. */
  readonly env: Record<string, string> = {};
  started!: Started;
  private readonly children: ChildProcess[] = [];
  private browser: Browser | undefined;

  /** @param seed as `motekey cloud start --seed` takes it */
  static open(context: Mocha.Context, seed: object): Promise<Place> {
    return Place.made(context, (place) => place.startCloud(seed));
  }

  /** The same at a provider that runs already. */
  static at(context: Mocha.Context, issuer: string): Promise<Place> {
    return Place.made(context, async (place) => {
      place.env.MOTEKEY_ISSUER = issuer;
    });
  }

  private static async made(context: Mocha.Context, begin: (place: Place) => Promise<void>): Promise<Place> {
    needProgram(context, "dbus-run-session", "dbus");
    needProgram(context, "gnome-keyring-daemon", "gnome-keyring");
    needProgram(context, "script", "bsdutils");
    const program = findChromium(context);
    const place = new Place();
    try {
      place.browser = await startChromium(program);
      await place.startSession();
      await begin(place);
      return place;
    } catch (failure) {
      await place.close();
      throw failure;
    }
  }

  private async startSession(): Promise<void> {
    const { folder, env } = this;
    Object.assign(env, { HOME: folder, XDG_RUNTIME_DIR: folder, LANG: "C.UTF-8" });
    const bus = await this.firstLine("dbus-run-session", ["--", "sh", "-c", SESSION], /^bus=(.*)$/);
    env.DBUS_SESSION_BUS_ADDRESS = bus;
    const browser = join(folder, "browser");
    writeFileSync(
      browser,
      `#!/bin/sh\nprintf %s "$1" > "${folder}/url.new" && mv "${folder}/url.new" "${folder}/url"\n`,
    );
    chmodSync(browser, 0o700);
    env.BROWSER = browser;
  }

  private async startCloud(seed: object): Promise<void> {
    const file = join(this.folder, "seed.json");
    writeFileSync(file, JSON.stringify(seed));
    const ports = ["mqtt", "http", "identity"].flatMap((name) => [`--${name}-port`, "0"]);
    const words = [
      "cloud",
      "start",
      "--json",
      "--folder",
      join(this.folder, "cloud"),
      "--seed",
      file,
      ...ports,
    ];
    const fields = "--json=issuer,user,password";
    const told = await this.firstLine("npx", ["--no-install", "motekey", ...words, fields], /^\}$/, true);
    this.started = JSON.parse(told);
    this.env.MOTEKEY_ISSUER = this.started.issuer;
  }

  /** Starts a program that stays; resolves to what its first matching line holds, or to all up to that line. */
  private async firstLine(program: string, words: string[], line: RegExp, whole = false): Promise<string> {
    // A group of its own: npx hands no signal on.
    const how = { env: this.processEnv({}), cwd: ROOT, detached: true };
    const child = spawn(program, words, { ...how, stdio: "pipe" });
    this.children.push(child);
    const said: string[] = [];
    let complaints = "";
    child.stderr.on("data", (chunk) => (complaints += chunk));
    for await (const text of createInterface({ input: child.stdout })) {
      said.push(text);
      const match = line.exec(text);
      if (match !== null) return whole ? said.join("\n") : (match[1] ?? "");
    }
    throw new Error(`${program} ended: ${said.join("; ")} ${complaints}`);
  }

  private processEnv(more: Readonly<Record<string, string>>): Record<string, string> {
    return { PATH: process.env.PATH ?? "", ...this.env, ...more };
  }

  /** Runs `motekey` with these words. */
  run(words: readonly string[], { env = {}, input = "" }: LineOptions = {}): Promise<Said> {
    return runProcess(words, { env: { ...this.env, ...env }, input, directory: this.folder });
  }

  /** Runs a line of a document, `motekey …`, that has no quotes. */
  line(line: string, options?: LineOptions): Promise<Said> {
    const [program, ...words] = line.split(" ");
    assert.equal(program, "motekey");
    return this.run(words, options);
  }

  /** Runs a shell's script in which `motekey` is ours, for documents that show one. */
  async shell(script: string, { env = {}, input = "" }: LineOptions = {}): Promise<Said> {
    const motekey = `motekey() { "${process.execPath}" "${MOTEKEY}" "$@"; }\n`;
    const child = spawn("sh", ["-c", motekey + script], { env: this.processEnv(env), cwd: this.folder });
    return this.ended(child, input);
  }

  /** Runs a line on a terminal, and answers its questions. The screen is in `stdout`. */
  async converse(line: string, answers: readonly Answer[], { env = {} }: LineOptions = {}): Promise<Said> {
    const command = line.replace(/^motekey/, `"${process.execPath}" "${MOTEKEY}"`);
    const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
      env: { ...this.processEnv(env), TERM: "dumb" },
      cwd: this.folder,
    });
    let seen = "";
    const left = [...answers];
    child.stdout.on("data", (chunk) => {
      seen += chunk;
      const [next] = left;
      if (next === undefined || !seen.includes(next[0])) return;
      left.shift();
      seen = "";
      child.stdin.write(next[1]);
    });
    const said = await this.ended(child, null);
    assert.deepEqual(left, [], `was not asked: ${said.stdout}`);
    return { ...said, stdout: said.stdout.replaceAll("\r", "") };
  }

  /** @param input null: stdin stays open, as a terminal does */
  private async ended(child: ReturnType<typeof spawn>, input: string | null): Promise<Said> {
    let [stdout, stderr] = ["", ""];
    child.stdout?.on("data", (chunk) => (stdout += chunk));
    child.stderr?.on("data", (chunk) => (stderr += chunk));
    if (input !== null) child.stdin?.end(input);
    const [code] = await once(child, "close");
    return { exit: code ?? -1, stdout, stderr };
  }

  /** The address that the next login opens in the browser. */
  opened(): Promise<string> {
    return this.toldIn("url", /^https?:.*/);
  }

  /** What a file in the folder holds, once it holds it; the file is removed. */
  async toldIn(name: string, what: RegExp): Promise<string> {
    const file = join(this.folder, name);
    const changes = watch(this.folder);
    try {
      for (;;) {
        const told = existsSync(file) ? what.exec(readFileSync(file, "utf8")) : null;
        if (told !== null) return told[0];
        await once(changes, "change");
      }
    } finally {
      changes.close();
      rmSync(file, { force: true });
    }
  }

  /** Signs in and allows in chromium, page after page; resolves to the last page's text. */
  allowAt(url: string, username: string, password: string): Promise<string> {
    return this.visit(url, async (page) => {
      const done = page.getByText(/Back to the terminal|Device connected/);
      const next = page.getByRole("button", { name: /^(Continue|It shows this code|Sign in|Allow)$/ });
      for (;;) {
        await done.or(next).first().waitFor();
        if ((await done.count()) > 0) return await page.locator("body").innerText();
        if ((await page.getByLabel("Password").count()) > 0) {
          await page.getByLabel("User name or email").fill(username);
          await page.getByLabel("Password").fill(password);
        }
        await Promise.all([page.waitForEvent("framenavigated"), next.click()]);
      }
    });
  }

  /** Opens an address in a chromium of its own, which remembers nobody. */
  async visit<T>(url: string, see: (page: Page) => Promise<T>): Promise<T> {
    const context = await (this.browser as Browser).newContext();
    try {
      const page = await context.newPage();
      // oidc-provider's pages ask for fonts elsewhere.
      await page.route(/^https?:\/\/(?!127\.0\.0\.1)/, (route) => route.abort());
      await page.goto(url);
      return await see(page);
    } finally {
      await context.close();
    }
  }

  /** Ends all of it. */
  async close(): Promise<void> {
    await this.browser?.close();
    for (const child of this.children.reverse()) {
      const ended = once(child, "exit");
      // The session ends with its input, and takes bus and keyring along; the cloud ends with Ctrl-C.
      child.stdin?.end();
      if (child.spawnfile === "npx") process.kill(-(child.pid as number), "SIGINT");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
