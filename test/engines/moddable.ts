import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Objects of former builds are kept here: the engine itself takes half a minute. */
const CACHE = join(ROOT, ".cache/moddable");
const PLAYER = join(CACHE, "player");
const PLAYER_SOURCE = fileURLToPath(new URL("moddable/player.c", import.meta.url));
/** Begins a line that is an answer (`moddable/main.ts`). */
const MARKER = "=";
const TOOLS = "build/bin/lin/release";

/**
 * Where the Moddable SDK is (`MODDABLE`, with its command line tools built). Without it the suite is skipped, in
 * CI too, for it comes from no registry.
 * @param context `this` of a mocha hook or test
 */
export function findModdable(context: Mocha.Context): string {
  const sdk = process.env.MODDABLE;
  if (sdk !== undefined && existsSync(join(sdk, TOOLS, "mcconfig"))) return sdk;
  console.log("    skipped: set MODDABLE to a Moddable SDK whose tools are built (build/makefiles/lin)");
  return context.skip();
}

/** A manifest, and the app's own modules by name, as source text. */
export interface App {
  readonly name: string;
  readonly manifest: object;
  readonly modules: Readonly<Record<string, string>>;
}

/**
 * Makes an app for the Linux desktop with mcconfig.
 * @returns the path of its mc.so
 * @throws with what the tools wrote, when they refuse it
 */
export async function buildApp(sdk: string, app: App): Promise<string> {
  const out = await configure(sdk, app, ["-m"]);
  return join(out, "bin/lin/mc/release", app.name, "mc.so");
}

/** Has mcconfig fetch and read what an app includes, and gives the makefile that it wrote. */
export async function configureApp(sdk: string, app: App): Promise<string> {
  const out = await configure(sdk, app, []);
  return readFile(join(out, "tmp/lin/mc/release", app.name, "makefile"), "utf8");
}

async function configure(sdk: string, app: App, more: readonly string[]): Promise<string> {
  const folder = join(CACHE, app.name);
  const out = join(folder, "out");
  await mkdir(out, { recursive: true });
  await writeFile(join(folder, "manifest.json"), JSON.stringify(app.manifest));
  for (const [name, source] of Object.entries(app.modules)) await writeFile(join(folder, name), source);
  const path = [join(sdk, TOOLS), join(ROOT, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const options = { cwd: folder, env: { ...process.env, MODDABLE: sdk, PATH: path }, maxBuffer: 1 << 24 };
  await run("mcconfig", [...more, "-p", "lin", "-o", out], options).catch(({ stdout, stderr }) => {
    const said = `${stdout}${stderr}`.split("\n").filter((line) => !line.startsWith("# "));
    throw new Error(`mcconfig refuses ${app.name}:\n${said.join("\n")}`);
  });
  return out;
}

/** Makes `moddable/device.ts`, and the firmware that it includes by our manifests. */
export function buildDevice(sdk: string): Promise<string> {
  const include = [
    "$(MODDABLE)/examples/manifest_base.json",
    `${ROOT}manifest.json`,
    `${ROOT}firmware/adapters/moddable/manifest_explain.json`,
    `${ROOT}firmware/adapters/moddable/manifest_tls.json`,
    `${ROOT}firmware/adapters/moddable/manifest_preference.json`,
  ];
  const source = (name: string): string => `${ROOT}test/engines/moddable/${name}`;
  const modules = { main: source("device"), client: source("client"), values: source("values") };
  const config = { file: { root: "./" } }; // where the desktop's preferences lie: in the app's working folder
  return buildApp(sdk, { name: "device", manifest: { include, modules, config }, modules: {} });
}

/** The player, built once per process. */
let player: Promise<void> | undefined;

async function compilePlayer(sdk: string): Promise<void> {
  const { stdout } = await run("pkg-config", ["--cflags", "--libs", "gio-2.0"]);
  const libraries = stdout.trim().split(/\s+/);
  const headers = join(sdk, "build/simulators/modules");
  await run("cc", [
    "-DmxLinux=1",
    `-I${headers}`,
    PLAYER_SOURCE,
    "-o",
    PLAYER,
    ...libraries,
    "-ldl",
    "-rdynamic",
  ]);
}

/** An app that runs. */
export interface ModdableApp {
  /** Sends a command and gives the app's next answer; both are JSON. */
  ask(command: object): Promise<unknown>;
  close(): Promise<void>;
}

interface Waiting {
  resolve: (answer: unknown) => void;
  reject: (error: Error) => void;
}

/**
 * Plays an app without a window.
 * @param folder its working folder
 * @param variables of its environment, beside ours
 */
export async function playApp(
  sdk: string,
  library: string,
  folder = CACHE,
  variables: Readonly<Record<string, string>> = {},
): Promise<ModdableApp> {
  player ??= compilePlayer(sdk);
  await player;
  const env = { ...process.env, ...variables };
  const child = spawn(PLAYER, [library], { cwd: folder, env, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {}); // it has ended, which is told below
  const waiting: Waiting[] = [];
  const exited = new Promise<void>((resolve) => {
    child.once("close", (code) => {
      for (const { reject } of waiting.splice(0)) reject(new Error(`the app has ended (${code})`));
      resolve();
    });
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith(MARKER)) waiting.shift()?.resolve(JSON.parse(line.slice(MARKER.length)));
    else if (line !== "") console.log(`    on Moddable: ${line}`);
  });
  return {
    ask: (command) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        child.stdin.write(`${JSON.stringify(command)}\n`);
      }),
    async close() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
