/** The token for git, by the real git; and for kubectl, by the schema of its exec plug-ins. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import type { Identity } from "../../host-sim/index.js";
import { ANN, good, json, startAcme } from "./acme.js";
import { MOTEKEY, needProgram } from "./process.js";
import { World } from "./world.js";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/, with the fields that are ours. */
const ExecCredentialSchema = v.strictObject({
  apiVersion: v.literal("client.authentication.k8s.io/v1"),
  kind: v.literal("ExecCredential"),
  status: v.strictObject({
    token: v.pipe(v.string(), v.minLength(1)),
    expirationTimestamp: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)),
  }),
});

describe("auth credential", () => {
  let world: World;
  let identity: Identity;

  before(async () => {
    identity = await startAcme();
  });
  after(() => identity.close());
  beforeEach(async () => {
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
    // Readable, so that git's helper, a process of its own, has the login without this one's keychain.
    good(await world.line("auth login --username ann --insecure-storage", { input: ANN.password }));
  });
  afterEach(() => world.end());

  const token = async (): Promise<string> => good(await world.line("auth token")).stdout.trim();

  describe("git", () => {
    let server: Server;
    let host: string;
    /** What the server was shown, and the one password that it takes. */
    let shown: string[];
    let right: string;

    before(function () {
      needProgram(this, "git", "git");
    });
    beforeEach(async () => {
      shown = [];
      server = createServer((request, response) => {
        const { authorization = "" } = request.headers;
        const words = Buffer.from(authorization.replace(/^Basic /, ""), "base64").toString();
        if (authorization !== "") shown.push(words);
        const isRight = words === `oauth2:${right}`;
        response.writeHead(isRight ? 200 : 401, { "www-authenticate": 'Basic realm="git"' });
        // Git's dumb protocol (gitprotocol-http(5)): a list of refs is all that ls-remote wants.
        response.end(isRight ? `${COMMIT}\trefs/heads/main\n` : "");
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      right = await token();
    });
    afterEach(() => {
      server.closeAllConnections();
      server.close();
    });

    /** Runs the real git, whose only helper is ours for these hosts. */
    const git = async (words: readonly string[], hosts: readonly string[], input = "") => {
      const flags = hosts.map((name) => `--host ${name}`).join(" ");
      const child = spawn("git", [...words], {
        cwd: world.folder,
        env: {
          PATH: process.env.PATH ?? "",
          HOME: world.folder,
          GIT_CONFIG_NOSYSTEM: "1",
          GIT_TERMINAL_PROMPT: "0",
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: "credential.helper",
          GIT_CONFIG_VALUE_0: `!"${process.execPath}" "${MOTEKEY}" auth credential git ${flags}`,
          ...world.env,
        },
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
      child.stdin.end(input);
      const [code] = await once(child, "close");
      return { code, said };
    };

    it("gives the token to git for a host that was named", async () => {
      const { code, said } = await git(["ls-remote", `http://${host}/repo.git`], [host]);
      assert.equal(code, 0, said);
      assert.equal(said, `${COMMIT}\trefs/heads/main\n`);
      assert.deepEqual([...new Set(shown)], [`oauth2:${right}`]);
    });

    it("gives nothing for another host, nor in the clear to another machine", async () => {
      const { code } = await git(["ls-remote", `http://${host}/repo.git`], ["git.example.com"]);
      assert.notEqual(code, 0);
      assert.deepEqual(shown, []);
      const asked = (protocol: string) => ({ input: `protocol=${protocol}\nhost=git.example.com\n\n` });
      const words = "auth credential git --host git.example.com get";
      assert.equal(good(await world.line(words, asked("http"))).stdout, "");
      assert.match(good(await world.line(words, asked("https"))).stdout, /^username=oauth2\npassword=/);
      assert.equal(
        good(await world.line(words, { input: "protocol=https\nhost=git.example.com.evil.example\n\n" }))
          .stdout,
        "",
      );
      assert.equal((await world.line("auth credential git get")).exit, 2);
    });

    it("gets another token when git found it refused, and ignores what it does not know", async () => {
      const before = right;
      right = "nothing is right";
      assert.notEqual((await git(["ls-remote", `http://${host}/repo.git`], [host])).code, 0);
      right = await token();
      assert.notEqual(right, before);
      const erase = { input: `protocol=http\nhost=${host}\nusername=oauth2\npassword=stale\n\n` };
      good(await world.line(`auth credential git --host ${host} erase`, erase));
      assert.equal(await token(), right, "one that is no longer ours is not refreshed");
      for (const operation of ["store", "capability"])
        assert.equal(
          good(await world.line(`auth credential git --host ${host} ${operation}`, erase)).stdout,
          "",
        );
    });

    it("names the user that --git-user names, of the account that --account names, with the end of its token", async () => {
      good(await world.line("auth login --username bob --insecure-storage", { input: "bob's own" }));
      const words =
        "auth credential git --host git.example.com --git-user token --account ann@example.com get";
      const { stdout } = good(await world.line(words, { input: "protocol=https\nhost=git.example.com\n\n" }));
      const theirs = json(await world.line("auth token --account ann@example.com --json"));
      const end = Date.parse(theirs.expires_at) / 1000;
      assert.equal(stdout, `username=token\npassword=${theirs.token}\npassword_expiry_utc=${end}\n`);
    });
  });

  describe("kubectl", () => {
    const info = (more: object = {}, apiVersion = "client.authentication.k8s.io/v1") => ({
      KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: "ExecCredential", spec: more }),
    });
    const cluster = (server: string) => info({ interactive: false, cluster: { server } });

    it("prints an ExecCredential of version 1 with the token and its end, with and without the question", async () => {
      for (const env of [{}, info({ interactive: false })]) {
        const { stdout } = good(await world.line("auth credential kubectl", { env }));
        const { status } = v.parse(ExecCredentialSchema, JSON.parse(stdout));
        const theirs = json(await world.line("auth token --json"));
        assert.deepEqual(status, { token: theirs.token, expirationTimestamp: theirs.expires_at });
      }
    });

    it("answers for the servers that --host names only, and no version that it does not know", async () => {
      const words = "auth credential kubectl --host k8s.example.com:6443 --account ann@example.com";
      good(await world.line(words, { env: cluster("https://k8s.example.com:6443") }));
      for (const env of [
        cluster("https://evil.example:6443"),
        cluster("http://k8s.example.com:6443"),
        info(),
        {},
        info({}, "client.authentication.k8s.io/v9"),
        { KUBERNETES_EXEC_INFO: "canary" },
      ]) {
        const { exit, stdout, stderr } = await world.line(words, { env });
        assert.deepEqual([exit, stdout], [2, ""]);
        assert.ok(!stderr.includes("canary"), stderr);
      }
    });
  });
});
