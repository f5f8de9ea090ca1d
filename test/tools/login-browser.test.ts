/** Logging in with a browser, here or on another machine: a person follows the pages. */
import assert from "node:assert/strict";
import type { Identity } from "../../host-sim/index.js";
import { Person } from "../identity/people.js";
import { ANN, ANN_AT_BROWSER, confirmDevice, good, startAcme, visit } from "./acme.js";
import { World } from "./world.js";

describe("auth login", () => {
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

  describe("in the browser", () => {
    it("opens it, and takes the answer", async () => {
      const said = good(await world.line("auth login", ANN_AT_BROWSER));
      assert.equal(said.stdout, "✓ Successfully authenticated as ann@example.com\n");
      const url = new URL(world.opened[0] ?? "");
      assert.equal(url.searchParams.get("code_challenge_method"), "S256");
      for (const name of ["state", "nonce", "code_challenge"])
        assert.ok((url.searchParams.get(name)?.length ?? 0) >= 43, name);
      assert.match(url.searchParams.get("redirect_uri") ?? "", /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    });

    it("a login that is still good is kept; --force logs in again", async () => {
      good(await world.line("auth login", ANN_AT_BROWSER));
      good(await world.line("auth login", ANN_AT_BROWSER));
      assert.equal(world.opened.length, 1);
      good(await world.line("auth login --force", ANN_AT_BROWSER));
      assert.equal(world.opened.length, 2);
    });

    it("what nobody keeps does not open it: the keychain is probed first", async () => {
      world.keychain = {
        ...world.keychain,
        name: "Forgetful",
        get: async () => null,
        set: async () => undefined,
        delete: async () => false,
      };
      const { exit, stderr } = await world.line("auth login", ANN_AT_BROWSER);
      assert.equal(exit, 1);
      assert.match(stderr, /The Forgetful does not keep what it is given\. .*--insecure-storage/);
      assert.equal(world.opened.length, 0);
    });

    it("said no there: told, exit 1", async () => {
      const openBrowser = async (url: string): Promise<void> => {
        const person = new Person();
        const page = await person.answer(await person.open(url), {
          username: "ann",
          password: ANN.password,
          answer: "yes",
        });
        void visit((await person.answer(page, { answer: "no" })).url);
      };
      const { exit, stderr } = await world.line("auth login", { ...ANN_AT_BROWSER, openBrowser });
      assert.equal(exit, 1);
      assert.match(stderr, /Error: The login was denied \(access_denied/);
    });

    it("Ctrl-C ends the wait with 130", async () => {
      const interruption = new AbortController();
      const openBrowser = async () => interruption.abort();
      const said = await world.line("auth login", {
        ...ANN_AT_BROWSER,
        openBrowser,
        interrupted: interruption.signal,
      });
      assert.equal(said.exit, 130);
      assert.equal(said.stdout, "");
    });
  });

  describe("without a browser", () => {
    const here: [line: string, env: Record<string, string>][] = [
      ["auth login --no-browser", { DISPLAY: ":0" }],
      ["auth login --no-launch-browser", { DISPLAY: ":0" }],
      ["auth login --browser=false", { DISPLAY: ":0" }],
      ["auth login --device-code", { DISPLAY: ":0" }],
      ["auth login", { DISPLAY: ":0", SSH_CONNECTION: "10.0.0.1 1 10.0.0.2 22" }],
      ["auth login", {}],
    ];
    for (const [line, env] of here) {
      const where = Object.keys(env).join(" and ") || "no display";
      it(`'motekey ${line}' with ${where} prints an address and a code, polls, and logs in`, async () => {
        const confirmed = confirmDevice(identity);
        const said = good(await world.line(line, { env }));
        const { url, code } = await confirmed;
        assert.equal(said.stdout, "✓ Successfully authenticated as ann@example.com\n");
        assert.match(
          said.stderr,
          /^Please open this URL in your browser to authenticate:\nhttp.*\n.*\n\nWaiting for authentication\.\.\.\n$/,
        );
        assert.ok(said.stderr.includes(url) && said.stderr.includes(code));
        assert.equal(world.opened.length, 0);
      });
    }

    it("polls no more often than the provider asks", async () => {
      const interruption = new AbortController();
      const polledAtMs: number[] = [];
      const stop = identity.on((event) => {
        if (event.event !== "refused" || event.error !== "authorization_pending") return;
        polledAtMs.push(performance.now());
        if (polledAtMs.length === 3) interruption.abort();
      });
      const said = await world.line("auth login --device-code", { interrupted: interruption.signal });
      stop();
      assert.equal(said.exit, 130);
      const [first = 0, second = 0, third = 0] = polledAtMs;
      assert.ok(second - first > 900 && third - second > 900, `polled after ${polledAtMs.join(", ")} ms`);
    });

    it("a provider without a device grant: the browser's address is printed instead", async () => {
      identity.faults.lacks = ["device_authorization_endpoint"];
      try {
        const pressed = new AbortController();
        const { exit, stderr } = await world.line("auth login --no-browser", {
          interrupted: pressed.signal,
          onStderr: (text) => {
            if (text.includes("The last page can be shown on this machine only")) pressed.abort();
          },
        });
        assert.match(
          stderr,
          /to authenticate:\nhttp:\/\/127\.0\.0\.1:\d+\/authorize\?.*\n\nThe last page can be shown on this machine only/,
        );
        assert.equal(exit, 130);
        const asked = await world.line("auth login --device-code");
        assert.match(asked.stderr, /has no device grant\. Use --no-browser/);
        assert.equal(asked.exit, 1);
      } finally {
        identity.faults.lacks = [];
      }
    });
  });
});
