/** Teams and providers: which there are, and what they lack. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Identity } from "../../host-sim/index.js";
import { freePort } from "../servers/process.js";
import { ANN, good, json, startAcme } from "./acme.js";
import { World } from "./world.js";

describe("auth login at", () => {
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

  describe("teams", () => {
    it("the provider's first team is the team when none is named", async () => {
      assert.equal(
        json(await world.line("auth login --username ann --json", { input: ANN.password })).team,
        "acme",
      );
    });

    it("one login per team and account, many side by side; a new one is the default, unless --keep-default", async () => {
      const logIn = async (team: string, name: string, flags = "") =>
        good(
          await world.line(`--team ${team} auth login --username ${name} ${flags}`, {
            input: name === "ann" ? ANN.password : "bob's own",
          }),
        ).stderr;
      assert.equal(await logIn("acme", "ann"), "");
      assert.match(
        await logIn("acme", "bob"),
        /^The default account is now bob@example\.com \(team acme\); it was ann@example\.com \(team acme\)\.\n$/,
      );
      assert.match(
        await logIn("staging", "ann", "--keep-default"),
        /^The default account stays bob@example\.com \(team acme\); 'motekey auth switch' changes it\.\n$/,
      );
      const list = json(await world.line("auth list --json=account,team,default"));
      assert.deepEqual(list, [
        { account: "ann@example.com", team: "acme", default: false },
        { account: "bob@example.com", team: "acme", default: true },
        { account: "ann@example.com", team: "staging", default: false },
      ]);
      const env = { MOTEKEY_TEAM: "staging" };
      assert.equal(json(await world.line("auth status --json", { env })).team, "staging");
      // A login that is kept is the default from now on, too.
      assert.match(await logIn("acme", "ann"), /The default account is now ann@example\.com \(team acme\)/);
    });

    it("an active team that the provider does not know: says where the name came from, and what to do", async () => {
      const teams = { gone: { issuer: identity.issuer } };
      writeFileSync(world.config, JSON.stringify({ active_team: "gone", teams }), { mode: 0o600 });
      const ann = (line: string) => world.line(`${line} --username ann`, { input: ANN.password });
      const { exit, stderr } = await ann("auth login");
      assert.equal(exit, 1);
      assert.match(
        stderr,
        /^Error: The active team 'gone', which was kept from an earlier login as no team is named now, is not known\. Known are acme, .* Name the team: motekey auth login --team NAME\.\n$/,
      );
      for (const line of ["auth status", "auth token", "auth login --username ann"]) {
        const said = await world.line(`--team nope ${line}`, { input: ANN.password });
        assert.match(said.stderr, /Error: Team 'nope' is not known\. Known are /);
      }
      assert.equal(json(await ann("--team acme auth login --json")).team, "acme");
      writeFileSync(join(world.folder, ".motekey.json"), '{"team":"gone2"}');
      assert.match(
        (await ann("auth login")).stderr,
        /Team 'gone2', which .*\.motekey\.json names, is not known/,
      );
    });

    it("the list fits the terminal: a paragraph for each account where the table would not", async () => {
      good(await world.line("--team acme auth login --username ann", { input: ANN.password }));
      good(await world.line("--team acme auth login --username bob --keep-default", { input: "bob's own" }));
      const { stdout: wide } = await world.line("auth list", { columns: 120 });
      assert.match(wide, /^ +ACCOUNT +ORGANIZATION +TEAM +TYPE +EXPIRES +STATE$/m);
      const { stdout: narrow } = await world.line("auth list", { columns: 40 });
      assert.ok(
        narrow.split("\n").every((line) => line.length <= 40),
        narrow,
      );
      assert.match(narrow, /^✓\nACCOUNT {7}ann@example\.com\nORGANIZATION {2}Acme Corp\nTEAM {10}acme\n/);
      assert.match(narrow, /\n\nACCOUNT {7}bob@example\.com\n/);
      assert.equal((await world.line("auth list")).stdout, wide);
    });

    it("a warning comes once, however many parts of a command meet its cause", async () => {
      writeFileSync(world.config, JSON.stringify({ auth_token: "nonsense" }), { mode: 0o644 });
      const { stderr } = await world.line("auth whoami");
      assert.equal(stderr.match(/Warning: Others can read/g)?.length, 1, stderr);
    });

    it("a team of another organization takes the login there", async () => {
      const answer = json(
        await world.line("--team other auth login --username ann --json", { input: ANN.password }),
      );
      assert.equal(answer.organization, "Other Org");
      assert.equal(json(await world.line("auth whoami --json")).organization, "Other Org");
    });

    it("an unknown one is told with those that are known, and its tokens do not stay good", async () => {
      const ended = identity.next("revoked");
      const { exit, stderr } = await world.line("--team nope auth login --username ann", {
        input: ANN.password,
      });
      assert.equal(exit, 1);
      assert.match(stderr, /^Error: Team 'nope' is not known\. Known are acme, staging, /);
      await ended;
    });

    it("the team's provider is found without --issuer the next time", async () => {
      good(await world.line("auth login --username ann", { input: ANN.password }));
      good(await world.line("auth logout --force --clear"));
      delete world.env.MOTEKEY_ISSUER;
      good(await world.line("--team acme auth login --username ann", { input: ANN.password }));
      assert.match(
        (await world.line("--team nope auth login")).stderr,
        /Team 'nope' is not known\. Known are acme/,
      );
    });
  });

  describe("the provider", () => {
    const refused = async (issuer: string, told: RegExp, exit = 1) => {
      const said = await world.run(["auth", "login", "--username", "ann", "--issuer", issuer], {
        input: ANN.password,
      });
      assert.match(said.stderr, told);
      assert.equal(said.exit, exit);
      assert.equal(said.stdout, "");
    };

    it("must be named", async () => {
      delete world.env.MOTEKEY_ISSUER;
      const { exit, stderr } = await world.line("auth login --username ann", { input: "x" });
      assert.equal(exit, 2);
      assert.match(
        stderr,
        /Nothing names the identity provider\. Give --issuer URL, or set MOTEKEY_ISSUER\./,
      );
    });

    it("that nobody answers for is told with the system's reason", async () => {
      const told =
        /^Error: http:\/\/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED.* Check --issuer, the network/;
      await refused(`http://127.0.0.1:${await freePort()}`, told);
    });

    it("that is no OpenID provider is told", async () => {
      const server = createServer((_request, response) =>
        response.writeHead(200).end("<h1>hello</h1>"),
      ).listen(0, "127.0.0.1");
      await once(server, "listening");
      try {
        await refused(
          `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          /does not answer as an OpenID provider does: .*Check --issuer/,
        );
      } finally {
        server.close();
      }
    });

    it("that knows no passwords is told with what it has", async () => {
      identity.faults.rawReply = (path, content) =>
        path.endsWith("openid-configuration")
          ? { ...content, grant_types_supported: ["authorization_code"] }
          : content;
      try {
        await refused(identity.issuer, /has no login by password\. It has authorization_code/);
      } finally {
        identity.faults.rawReply = null;
      }
    });

    it("that is out of service is told", async () => {
      identity.faults.down = 503;
      try {
        await refused(identity.issuer, /answers with HTTP 503: it is out of service\. Try again later/);
      } finally {
        identity.faults.down = null;
      }
    });

    it("without /me: user info tells who it is", async () => {
      identity.faults.lacks = ["me_endpoint"];
      try {
        good(await world.line("--team anything auth login --username ann", { input: ANN.password }));
        const me = json(await world.line("auth whoami --json"));
        assert.equal(me.email, "ann@example.com");
        assert.equal(me.team, "anything");
      } finally {
        identity.faults.lacks = [];
      }
    });
  });
});
