/** `auth login --workload-token-file`: a platform's token in a file, as Kubernetes projects it, makes the login. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Identity, startIdentity } from "../../host-sim/index.js";
import { Platform } from "../identity/platform.js";
import { ANN, good, json, startAcme } from "./acme.js";
import { type RunOptions, World } from "./world.js";

const SUBJECT = "system:serviceaccount:ci:deployer";
const API = "https://api.example.com";

describe("auth login --workload-token-file", () => {
  let world: World;
  let platform: Platform;
  let identity: Identity;
  let file: string;
  /** The tokens that the platform put there so far. */
  let shown: string[];

  before(async () => {
    platform = await Platform.start();
    identity = await startAcme({ audiences: [API] });
    await identity.addServiceAccount({
      clientId: "deployer",
      workload: { issuer: platform.issuer, subject: SUBJECT },
    });
  });
  after(async () => {
    platform.close();
    await identity.close();
  });
  beforeEach(async () => {
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
    shown = [];
    file = join(world.folder, "volume", "token");
    mkdirSync(join(world.folder, "volume"));
    symlinkSync("..data/token", file);
    await project();
  });
  afterEach(() => world.end());

  /** Puts a token there as the kubelet does: a folder of its own, and a link that is replaced at once. */
  const project = async (claims: object = {}): Promise<string> => {
    const token = await platform.token(SUBJECT, identity.issuer, { jti: String(shown.length), ...claims });
    const [folder, link] = [`..${shown.length}`, "..data_tmp"].map((name) =>
      join(world.folder, "volume", name),
    );
    mkdirSync(folder as string);
    writeFileSync(join(folder as string, "token"), token, { mode: 0o644 });
    symlinkSync(`..${shown.length}`, link as string);
    renameSync(link as string, join(world.folder, "volume", "..data"));
    shown.push(token);
    return token;
  };
  const logIn = (more = "", options?: RunOptions) =>
    world.line(`auth login --workload-token-file ${file} ${more}`, options);

  it("logs in as the account that trusts the workload, without a secret", async () => {
    const { account, type, storage } = json(await logIn("--json"));
    assert.deepEqual([account, type, storage], ["deployer", "service", "keychain"]);
    const told = json(await world.line("auth status --json"));
    assert.deepEqual([told.authenticated, told.account], [true, "deployer"]);
    assert.equal(json(await world.line("auth whoami --json")).id, "deployer");
  });

  it("reads the file at each use, as the platform replaces it; later logins need no flag", async () => {
    good(await logIn());
    const first = good(await world.line("auth token")).stdout;
    // The token before is over and gone; one that had been kept would be refused.
    await project();
    const later = { now: () => Date.now() + 31 * 60_000 };
    assert.notEqual(good(await world.line("auth token", later)).stdout, first);
    good(await world.line("auth refresh"));
    good(await world.line("auth login --force"));
    await project({ exp: 1 });
    const said = await world.line("auth refresh");
    assert.match(said.stderr, /does not take the workload's token \(invalid_request: .*"exp"/);
    await project();
    good(await world.line("auth refresh"));
  });

  it("keeps the file's path and never its token, which no output holds either", async () => {
    const outputs = [good(await logIn("--insecure-storage"))];
    outputs.push(good(await world.line("auth refresh --json")), good(await world.line("auth list --json")));
    await project({ exp: 1 });
    outputs.push(await world.line("auth refresh"), await logIn("--force"));
    const kept = readFileSync(world.config, "utf8");
    assert.ok(kept.includes(`"workloadFile": "${file}"`));
    for (const text of [kept, ...outputs.flatMap(({ stdout, stderr }) => [stdout, stderr])])
      for (const token of shown) assert.ok(!text.includes(token.split(".")[2] as string), text);
  });

  it("gives tokens for other audiences, and 'auth logout' ends all", async () => {
    good(await logIn());
    const own = good(await world.line("auth token")).stdout.trim();
    const other = good(await world.line(`auth token --audience ${API}`)).stdout.trim();
    assert.notEqual(other, own);
    const [{ result }] = json(await world.line("auth logout --force --json"));
    assert.equal(result, "revoked");
    for (const token of [own, other]) {
      const said = await world.line("auth status", { env: { MOTEKEY_AUTH_TOKEN: token } });
      assert.equal(said.exit, 1);
    }
  });

  const unfit: [what: string, why: RegExp, make: (path: string) => void][] = [
    ["that is not there", /there is no such file/, (path) => rmSync(path)],
    ["that others may write", /others may write it \(mode 666\)/, (path) => chmodSync(path, 0o666)],
    ["of more than 64 kB", /longer than 64 kB/, (path) => writeFileSync(path, "x".repeat(65 * 1024))],
    ["that is empty", /it is empty/, (path) => writeFileSync(path, "\n")],
    ["with two lines", /more than one token/, (path) => writeFileSync(path, "a.b.c\nd.e.f\n")],
    [
      "that is a folder",
      /it is a folder/,
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
    [
      "that is a FIFO, which nobody writes",
      /it is no file/,
      (path) => {
        rmSync(path);
        execFileSync("mkfifo", [path]);
      },
    ],
  ];
  for (const [what, why, make] of unfit) {
    it(`a file ${what} is refused, and nothing is asked`, async () => {
      make(join(world.folder, "volume", "..0", "token"));
      const before = JSON.stringify(identity.stats);
      const said = await logIn();
      assert.match(said.stderr, why);
      assert.match(said.stderr, /Check --workload-token-file/);
      assert.deepEqual([said.exit, said.stdout], [1, ""]);
      assert.equal(JSON.stringify(identity.stats), before);
    });
  }

  it("a file of another user is refused", async function () {
    if (process.geteuid?.() !== 0) return this.skip();
    execFileSync("chown", ["65534", join(world.folder, "volume", "..0", "token")]);
    // Root owns all files of root only: another user's is another's, whoever looks.
    assert.match((await logIn()).stderr, /it belongs to another user/);
  });

  it("of a workload that nobody trusts, and at a provider without token exchange: said so", async () => {
    const foreign = await platform.token("system:serviceaccount:other:one", identity.issuer);
    writeFileSync(join(world.folder, "volume", "..0", "token"), foreign);
    const said = await logIn();
    assert.match(said.stderr, /no service account trusts the workload system:serviceaccount:other:one/);
    assert.match(said.stderr, /Check its issuer, subject, audience and end/);
    identity.faults.rawReply = (path, content) =>
      path.endsWith("openid-configuration")
        ? { ...(content as object), grant_types_supported: ["authorization_code"] }
        : content;
    try {
      assert.match((await logIn()).stderr, /has no token exchange\. It has authorization_code/);
    } finally {
      identity.faults.rawReply = null;
    }
  });

  it("excludes the other ways to log in, and its login stands beside a person's", async () => {
    for (const other of ["--username ann", "--with-token", "--device-code", "--browser"]) {
      const said = await logIn(other);
      assert.match(said.stderr, /exclude each other/);
      assert.equal(said.exit, 2);
    }
    good(await world.line("auth login --username ann", { input: ANN.password }));
    good(await logIn("--keep-default"));
    const rows = json(await world.line("auth list --json=account,default"));
    assert.deepEqual(rows, [
      { account: ANN.email, default: true },
      { account: "deployer", default: false },
    ]);
    good(await world.line("auth token --account deployer"));
  });

  it("is for its issuer only: its token goes to no other", async () => {
    good(await logIn());
    const other = await startIdentity();
    try {
      // Without the flag it would be this workload's login again; there it is a person's.
      const stop = new AbortController();
      const said = await world.line(`auth login --issuer ${other.issuer}`, {
        env: { MOTEKEY_ISSUER: "" },
        interrupted: stop.signal,
        onStderr: (text) => {
          if (text.includes("Waiting for authentication")) stop.abort();
        },
      });
      assert.match(said.stderr, /Please open this URL/);
      assert.equal(said.exit, 130);
      assert.deepEqual(other.stats.tokens, {});
    } finally {
      await other.close();
    }
  });
});
