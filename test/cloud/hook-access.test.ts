/** Who may ask the hook, and what it rests on. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { OpenBroker } from "../host-sim/open-broker.js";
import {
  type Answer,
  type Asked,
  ask as askHook,
  counter,
  emqx as emqxAsks,
  FORM,
  ID,
  JSON_TYPE,
  PSK,
  RECOVERER,
  rabbitmq as rabbitmqAsks,
  SECRET,
} from "./hook-asker.js";

describe("the hook's door", () => {
  let cloud: Cloud;

  afterEach(() => cloud?.close());

  async function start(options: CloudOptions = {}): Promise<void> {
    cloud = await startCloud({ hook: { secret: SECRET }, ...options });
    await cloud.addDevice({ id: ID, psk: PSK, counter: 10 });
  }

  const ask = (asked: Asked): Promise<Answer> => askHook(cloud.httpUrl, asked);
  const rabbitmq = (question: string, more?: Record<string, string | undefined>): Promise<string> =>
    rabbitmqAsks(cloud.httpUrl, question, more);
  const emqx = (question: string, fields: object): Promise<string> =>
    emqxAsks(cloud.httpUrl, question, fields);

  it("takes nothing but a POST of the right type, below its own paths, from who shows the secret", async () => {
    await start();
    const body = new URLSearchParams({
      username: ID,
      vhost: "/",
      client_id: ID,
      password: counter(50),
    }).toString();
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
    const right = { path: "rabbitmq/user", body };
    const wrong: [status: number, more: Partial<Asked>][] = [
      [405, { method: "GET", body: "" }],
      [405, { method: "PUT" }],
      [415, { type: JSON_TYPE }],
      [415, { type: null }],
      [415, { path: "emqx/authenticate" }],
      [404, { path: "rabbitmq" }],
      [404, { path: "rabbitmq/users" }],
      [404, { path: "rabbitmq/user/" }],
      [404, { path: "rabbitmq/constructor" }],
      [404, { path: "__proto__/user" }],
      [404, { path: "" }],
      [401, { authorization: null }],
      [401, { authorization: "Bearer x" }],
      [401, { authorization: SECRET }],
      [401, { authorization: `Bearer ${SECRET}x` }],
      [401, { authorization: basic(SECRET) }],
      [401, { authorization: basic(`${SECRET}:broker`) }],
      [401, { authorization: basic("broker:") }],
    ];
    for (const [status, more] of wrong) {
      const answer = await ask({ ...right, ...more });
      assert.equal(answer.status, status, JSON.stringify({ ...more, body: undefined }));
      assert.ok(!answer.text.includes(SECRET) && !answer.text.includes(body));
    }
    // None of them used the counter up.
    for (const authorization of [basic(`broker:${SECRET}`), `bearer ${SECRET}`])
      assert.equal(
        (await ask({ ...right, type: `${FORM}; charset=utf-8`, authorization })).text,
        authorization.startsWith("Basic") ? "allow" : "deny",
      );
  });

  it("is not there unless it is asked for", async () => {
    await start({ hook: false });
    assert.equal((await ask({ path: "rabbitmq/user", body: "" })).status, 404);
  });

  it("on this machine's own address needs no secret", async () => {
    await start({ hook: true, host: "127.0.0.1" });
    const body = new URLSearchParams({
      username: ID,
      vhost: "/",
      client_id: ID,
      password: counter(50),
    }).toString();
    assert.equal((await ask({ path: "rabbitmq/user", body, authorization: null })).text, "allow");
  });

  it("on another address asks for a secret or a certificate, and is not started without", async () => {
    for (const host of ["0.0.0.0", "::", "192.0.2.1", "broker.example.com"])
      await assert.rejects(startCloud({ hook: true, host }), {
        message: `Others than this machine can reach the hook on ${host}; give hook.secret, or hook.certificate over TLS`,
      });
    await assert.rejects(startCloud({ hook: { certificate: "broker" } }), /hook\.certificate needs TLS/);
    for (const secret of ["short", "with a space in it!", "x".repeat(15)])
      await assert.rejects(startCloud({ hook: { secret } }), {
        message: "motekey: hook.secret is text; it must be 16 or more of A-Z a-z 0-9 _ -",
      });
    await start({ host: "0.0.0.0" });
  });

  it("believes a broker by its certificate, and by that of nobody else", async () => {
    await start({ tls: { clientCertificates: "optional" }, hook: { certificate: "broker" } });
    const ca = cloud.ca as string;
    const { cert, key } = await cloud.issueCertificate("broker");
    const other = await cloud.issueCertificate("device_9");
    const right = {
      path: "rabbitmq/vhost",
      body: new URLSearchParams({ username: ID, vhost: "/", client_id: ID }).toString(),
    };
    const statuses = [];
    for (const tls of [{ ca }, { ca, cert: other.cert, key: other.key }, { ca, cert, key }])
      statuses.push((await ask({ ...right, authorization: null, tls })).status);
    assert.deepEqual(statuses, [401, 401, 200]);
  });

  it("lets the cloud itself in by the password of its own URL, to its own topics", async () => {
    const broker = await OpenBroker.start();
    try {
      cloud = await startCloud({
        broker: broker.url.replace("//", "//cloud:p%3Ass@"),
        hook: { secret: SECRET },
      });
      const who = { username: "cloud", client_id: "cloud" };
      const answers = [];
      for (const more of [
        { password: "p:ss" },
        { password: "p:sS" },
        { password: "" },
        { password: "p:ss", client_id: ID },
      ])
        answers.push(await rabbitmq("user", { ...who, ...more }));
      assert.deepEqual(answers, ["allow", "deny", "deny", "deny"]);
      assert.equal(await rabbitmq("vhost", who), "allow");
      for (const [permission, routing_key, answer] of [
        ["read", "cloud.from.*.rpc", "allow"],
        ["read", "cloud.from.*.rpc-cbor", "allow"],
        ["read", "#", "deny"],
        ["write", `${ID}.rpc`, "allow"],
        ["write", `${RECOVERER}.rpc`, "allow"],
        ["write", "cloud.from.cloud.rpc", "allow"],
        ["write", `cloud.from.${ID}.rpc`, "deny"],
        ["write", `app.${ID}.x`, "deny"],
      ])
        assert.equal(
          await rabbitmq("topic", { ...who, permission, routing_key }),
          answer,
          `${permission} ${routing_key}`,
        );
    } finally {
      await cloud.close();
      await broker.close();
    }
  });

  it("says yes to a counter when it is on the disk, not before", async () => {
    const folder = await mkdtemp(join(tmpdir(), "motekey-hook-"));
    try {
      const registryFile = join(folder, "devices.json");
      await start({ registryFile });
      const kept = async () => (await readFile(`${registryFile}.journal`, "utf8")).trim().split("\n").at(-1);
      assert.equal(await rabbitmq("user", { password: counter(50) }), "allow");
      assert.equal(await kept(), `[["${ID}","connect",50]]`);
      const who = { clientid: ID, username: ID, password: counter(51) };
      assert.equal(await emqx("authenticate", who), "allow");
      assert.equal(await kept(), `[["${ID}","connect",51]]`);
      await cloud.close();
      cloud = await startCloud({ registryFile, hook: { secret: SECRET } });
      assert.equal(await rabbitmq("user", { password: counter(51) }), "deny");
    } finally {
      await cloud.close();
      await rm(folder, { recursive: true });
    }
  });
});
