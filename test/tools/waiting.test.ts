/** Nothing waits for ever: time limits, idle connections, providers that are away, odd files. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { withLock } from "../../tools/store/file.js";
import { compiled } from "../compiled.js";
import { ANN, ANN_AT_BROWSER, confirmDevice, good, logInAt, startAcme } from "./acme.js";
import { type Said, World } from "./world.js";

const WAITER = "test/tools/programs/waiter.ts";
const HOUR_MS = 60 * 60 * 1000;

describe("waiting", () => {
  let world: World;
  let identity: Identity;

  before(async () => {
    identity = await startAcme();
  });
  after(() => identity.close());
  beforeEach(() => {
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(() => world.end());

  it("a time limit fires, and a signal of several aborts, although garbage is collected meanwhile", async () => {
    const child = spawn(process.execPath, ["--expose-gc", await compiled(WAITER)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (chunk) => (said += chunk));
    const [exit] = await once(child, "exit");
    assert.deepEqual({ exit, said }, { exit: 0, said: "the time is over; the other aborted" });
  });

  it("an idle connection to the loopback holds up no login", async () => {
    const idle: ReturnType<typeof connect>[] = [];
    const openBrowser = async (url: string): Promise<void> => {
      const back = new URL(new URL(url).searchParams.get("redirect_uri") ?? "");
      const silent = connect(Number(back.port), back.hostname);
      await once(silent, "connect");
      const halfway = connect(Number(back.port), back.hostname, () =>
        halfway.write("GET /callback HTTP/1.1\r\n"),
      );
      for (const socket of [silent, halfway]) idle.push(socket.on("error", () => undefined).resume());
      await logInAt(url);
    };
    const ended = world.line("auth login", { ...ANN_AT_BROWSER, openBrowser });
    good(await ended);
    await Promise.all(idle.map((socket) => socket.destroyed || once(socket, "close")));
  });

  describe("with --device-code", () => {
    const troubles: readonly [name: string, trouble: "reset" | number][] = [
      ["a dropped connection", "reset"],
      ["HTTP 502", 502],
      ["HTTP 429", 429],
    ];
    for (const [name, trouble] of troubles) {
      it(`${name} while it polls is told, and it polls on`, async () => {
        const confirmed = confirmDevice(identity);
        const confirm = holdConfirmation(identity);
        const stop = identity.on(({ event }) => {
          if (event !== "refused") return;
          stop();
          identity.faults.down = trouble;
        });
        const onStderr = (text: string) => {
          if (!text.includes("Asking again in")) return;
          identity.faults.down = null;
          confirm();
        };
        const said = good(await world.line("auth login --device-code", { onStderr }));
        await confirmed;
        assert.match(said.stderr, /Asking again in \d+ s\./);
      });
    }
  });

  describe("for a file", () => {
    it("a FIFO as .motekey.json is refused in a sentence", async () => {
      assert.equal(spawnSync("mkfifo", [join(world.folder, ".motekey.json")]).status, 0);
      refused(await world.line("auth status"), /\.motekey\.json is not a regular file/);
    });

    it("a .motekey.json of gigabytes is refused unread", async () => {
      const file = join(world.folder, ".motekey.json");
      writeFileSync(file, "");
      truncateSync(file, 4 * 1024 ** 3);
      refused(await world.line("auth status"), /\.motekey\.json is too long to pin a team/);
    });

    it("another user's .motekey.json is ignored, with a warning", async function () {
      if (process.geteuid?.() !== 0) this.skip();
      const file = join(world.folder, ".motekey.json");
      writeFileSync(file, '{"team":"theirs"}');
      chownSync(file, 65534, 65534);
      const { stderr } = await world.line("auth status --explain");
      assert.match(stderr, /\.motekey\.json belongs to another user; ignored\./);
      assert.doesNotMatch(stderr, /theirs/);
    });

    it(".motekey.json is looked for up to the repository's root, and no further", async () => {
      const root = join(world.folder, "repository");
      const directory = join(root, "a", "b");
      mkdirSync(directory, { recursive: true });
      mkdirSync(join(root, ".git"));
      writeFileSync(join(world.folder, ".motekey.json"), '{"team":"above the root"}');
      const outside = await world.line("auth login --username ann", { directory, input: ANN.password });
      assert.match(good(outside).stderr, /^(?!.*above)/s);
      writeFileSync(join(root, ".motekey.json"), '{"team":"nope"}');
      const inside = await world.line("auth login --username ann", { directory, input: ANN.password });
      assert.match(inside.stderr, /Team 'nope', which .*repository\/\.motekey\.json names, is not known/);
    });

    it("a lock of the future, whose owner is dead, is cleared away", async function () {
      this.timeout(60_000);
      good(await world.line("auth login --username ann", { input: ANN.password }));
      mkdirSync(`${world.config}.lock`);
      const future = new Date(Date.now() + HOUR_MS);
      utimesSync(`${world.config}.lock`, future, future);
      let isDone = false;
      await withLock(world.config, async () => {
        isDone = true;
      });
      assert.ok(isDone);
    });
  });

  it("a provider that answers without end is cut off at 1 MiB", async () => {
    const sent = { bytes: 0 };
    const endless = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const more = (): void => {
        if (response.destroyed) return;
        sent.bytes += 65536;
        if (response.write(Buffer.alloc(65536, 32))) setImmediate(more);
      };
      response.on("drain", more);
      more();
    });
    try {
      const said = await world.line(`auth login --issuer ${endless.url}`, ANN_AT_BROWSER);
      assert.equal(said.exit, 1);
      assert.match(said.stderr, /answers with more than 1 MiB\./);
      assert.ok(sent.bytes < 64 * 1024 * 1024, `${sent.bytes} bytes were taken`);
    } finally {
      endless.close();
    }
  });

  function refused({ exit, stderr }: Said, pattern: RegExp): void {
    assert.equal(exit, 2);
    assert.match(stderr, pattern);
  }
});

/** Lets nobody confirm a code before the function that it returns is called. */
function holdConfirmation(identity: Identity): () => void {
  const { rawReply } = identity.faults;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  identity.faults.rawReply = (path, content) => {
    if (path !== "/device_authorization") return content;
    void released.then(() => rawReply?.(path, content));
    identity.faults.rawReply = null;
    return content;
  };
  return release;
}

async function serve(listener: RequestListener): Promise<{ url: string; close(): void }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
