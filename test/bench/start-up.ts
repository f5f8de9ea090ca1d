/** How long the command line takes from its start to its end, beside Node with nothing to do. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startIdentity } from "../../host-sim/index.js";
import { figure } from "./figure.js";
import { atMost, type Group, type Row } from "./row.js";
import { interleave, medianRatio } from "./samples.js";

const MOTEKEY = fileURLToPath(new URL("../../tools/bin/motekey.mjs", import.meta.url));
const ROUNDS = 20;
const USER = { username: "ann", password: "for the bench" };
/** Has the bus and an unlocked keyring live until stdin ends; then says where the bus is. */
const SESSION =
  'printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; echo "$DBUS_SESSION_BUS_ADDRESS"; cat';

type Env = Record<string, string>;

/** From the start of the process to its end. */
const elapsedMs = (words: readonly string[], env: Env) => (): number => {
  const startedAtMs = performance.now();
  execFileSync(process.execPath, words, { env: { ...process.env, ...env } });
  return performance.now() - startedAtMs;
};

async function logIn(words: readonly string[], env: Env): Promise<void> {
  const identity = await startIdentity({ users: [USER], lifetimes: { accessToken: 24 * 60 * 60 } });
  try {
    const login = [MOTEKEY, "auth", "login", "--issuer", identity.issuer, "--username", USER.username];
    const all = { ...process.env, ...env, MOTEKEY_PASSWORD: USER.password };
    await promisify(execFile)(process.execPath, [...login, ...words], { env: all });
  } finally {
    await identity.close();
  }
}

/** An unlocked GNOME Keyring on a bus of its own; `end` ends both. */
async function openSession(home: string): Promise<{ env: Env; end: () => Promise<void> }> {
  const folders = { HOME: home, XDG_DATA_HOME: home, XDG_RUNTIME_DIR: home };
  const session = spawn("dbus-run-session", ["--", "sh", "-c", SESSION], {
    env: { ...process.env, ...folders },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = new Promise((resolve) => session.once("close", resolve));
  const [bus] = await Promise.race([once(session.stdout, "data"), once(session, "error")]);
  if (bus instanceof Error)
    throw new Error("start-up needs dbus-run-session and gnome-keyring", { cause: bus });
  return {
    env: { ...folders, DBUS_SESSION_BUS_ADDRESS: String(bus).trim() },
    async end() {
      session.stdin.end();
      await ended;
    },
  };
}

/** The median of how many times longer ours took than the peer right beside it. */
function row(name: string, timesMax: number, ours: readonly number[], peer: readonly number[]): Row {
  const listed = (samples: readonly number[]) => samples.map(figure).join(" ");
  return atMost(timesMax, {
    name,
    ours: medianRatio(ours, peer),
    peer: 1,
    unit: "× Node",
    against: `node -e 0, the median of the ratios of ${ours.length} pairs in turns; ms: ${listed(ours)}; node -e 0: ${listed(peer)}`,
  });
}

export const startUp: Group = {
  name: "start-up",
  rows: async (quick) => {
    const home = mkdtempSync(join(tmpdir(), "motekey-bench-"));
    const session = await openSession(home);
    try {
      const sealed = { ...session.env, MOTEKEY_CONFIG_PATH: join(home, "sealed.json") };
      const open = { ...session.env, MOTEKEY_CONFIG_PATH: join(home, "open.json") };
      await logIn([], sealed);
      await logIn(["--insecure-storage"], open);
      const token = [MOTEKEY, "auth", "token"];
      const samples = await interleave(
        {
          node: elapsedMs(["-e", "0"], {}),
          version: elapsedMs([MOTEKEY, "--version"], {}),
          completion: elapsedMs([MOTEKEY, "completion", "bash"], {}),
          sealed: elapsedMs(token, sealed),
          open: elapsedMs(token, open),
        },
        quick ? 2 : ROUNDS,
      );
      return [
        row("motekey --version", 1.5, samples.version, samples.node),
        row("motekey completion bash", 2, samples.completion, samples.node),
        row("motekey auth token, sealed by the keychain", 3, samples.sealed, samples.node),
        row("motekey auth token, in a readable file", 2, samples.open, samples.node),
      ];
    } finally {
      await session.end();
      rmSync(home, { recursive: true, force: true });
    }
  },
};
