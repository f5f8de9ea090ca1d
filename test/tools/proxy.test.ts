/** A provider behind a proxy: the command line in a process of its own, as on a machine in a company's network. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import type { Identity } from "../../host-sim/index.js";
import { ANN, CI, startAcme } from "./acme.js";
import { runProcess } from "./process.js";
import { World } from "./world.js";

/** An address of this machine that is not taken for it: loopback by name and number goes round the proxy. */
const HOST = "127.0.0.2";
/** A name that only the proxy resolves. */
const NAME = "id.example.test";

describe("a provider behind a proxy", () => {
  let world: World;
  let identity: Identity;
  let proxy: Server;
  /** What the proxy was asked for, and with what proof. */
  let asked: string[];
  let proofs: (string | undefined)[];
  let status: number;
  let env: Record<string, string>;

  before(async () => {
    const ca = await CertificateAuthority.create("a company's CA");
    identity = await startAcme({
      host: HOST,
      tls: await ca.issue({ name: "provider", hosts: [HOST, NAME] }),
    });
    world = new World();
    const file = join(world.folder, "ca.pem");
    writeFileSync(file, ca.cert);
    proxy = createServer().on("connect", tunnel).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as AddressInfo;
    env = { NODE_EXTRA_CA_CERTS: file, HTTPS_PROXY: `http://me:canary-proxy@127.0.0.1:${port}` };
  });

  beforeEach(() => {
    [asked, proofs, status] = [[], [], 200];
  });

  after(async () => {
    proxy.close();
    await identity.close();
    world.end();
  });

  /** CONNECT (RFC 9110, 9.3.6), to the provider whatever it is called. */
  function tunnel({ url = "", headers }: IncomingMessage, near: Duplex, head: Buffer): void {
    asked.push(url);
    proofs.push(headers["proxy-authorization"]);
    near.on("error", () => {});
    if (status !== 200) return void near.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    const far = connect(Number(new URL(identity.issuer).port), HOST, () => {
      near.write("HTTP/1.1 200 Connection established\r\n\r\n");
      far.write(head);
      near.pipe(far).pipe(near);
    });
    far.on("error", () => near.destroy());
    near.on("close", () => far.destroy());
  }

  /** Each run has a configuration of its own. */
  let runs = 0;
  const run = (words: string, more: Record<string, string> = {}) =>
    runProcess(words.split(" "), {
      env: { ...env, MOTEKEY_CONFIG_PATH: join(world.folder, `${++runs}.json`), ...more },
      directory: world.folder,
    });

  const logIn = (more: Record<string, string> = {}) =>
    run(`auth login --insecure-storage --issuer ${identity.issuer}`, {
      MOTEKEY_USERNAME: ANN.username,
      MOTEKEY_PASSWORD: ANN.password,
      ...more,
    });

  it("is reached through the one that HTTPS_PROXY names, with the user and password that stand there", async () => {
    const { exit, stderr } = await logIn();
    assert.deepEqual(
      [exit, new Set(asked)],
      [0, new Set([`${HOST}:${new URL(identity.issuer).port}`])],
      stderr,
    );
    const proof = `Basic ${Buffer.from("me:canary-proxy").toString("base64")}`;
    assert.deepEqual(new Set(proofs), new Set([proof]));
  });

  it("is reached without one where NO_PROXY has it", async () => {
    const { exit, stderr } = await logIn({ NO_PROXY: `example.com,${HOST}` });
    assert.deepEqual([exit, asked], [0, []], stderr);
  });

  it("may have a name that only the proxy resolves", async () => {
    const renamed = (text: string) => text.replaceAll(identity.issuer, `https://${NAME}`);
    identity.faults.rawReply = (path, content) =>
      path === "/.well-known/openid-configuration" ? JSON.parse(renamed(JSON.stringify(content))) : content;
    try {
      const words = `auth login --insecure-storage --issuer https://${NAME} --client-id ${CI.clientId}`;
      const secret = { MOTEKEY_CLIENT_SECRET: CI.secret };
      const { exit, stderr } = await run(words, secret);
      assert.deepEqual([exit, new Set(asked)], [0, new Set([`${NAME}:443`])], stderr);
      const direct = await run(words, { ...secret, NO_PROXY: NAME });
      assert.equal(direct.exit, 1);
      assert.match(direct.stderr, /https:\/\/id\.example\.test cannot be reached: .*ENOTFOUND/);
    } finally {
      identity.faults.rawReply = null;
    }
  });

  it("is not reached where the proxy refuses, and its password is not told", async () => {
    status = 407;
    const { exit, stdout, stderr } = await logIn();
    assert.equal(exit, 1);
    assert.match(stderr, /cannot be reached: .*407/);
    assert.doesNotMatch(stdout + stderr, /canary/);
  });
});
