/** The hook: how other brokers ask the cloud who may log in and who may use a topic, over HTTP. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cloud, type CloudOptions, type KeyPair, startCloud } from "../../host-sim/cloud/index.js";
import { OpenBroker } from "../host-sim/open-broker.js";
import { counterPassword, recoveryPassword } from "./passwords.js";

const ID = "device_123";
const THIEF = "device_9";
const RECOVERER = `${ID}-recover`;
const PSK = "correct horse battery staple";
const SECRET = "what-the-broker-shows";
const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";

interface Answer {
  status: number;
  type: string | undefined;
  connection: string | undefined;
  text: string;
}

interface Asked {
  path: string;
  body: string;
  type?: string | null;
  method?: string;
  authorization?: string | null;
  tls?: { ca: string } & Partial<KeyPair>;
}

describe("the hook", () => {
  let cloud: Cloud;

  afterEach(() => cloud?.close());

  async function start(options: CloudOptions = {}): Promise<void> {
    cloud = await startCloud({ hook: { secret: SECRET }, ...options });
    await cloud.addDevice({ id: ID, psk: PSK, counter: 10 });
    await cloud.addDevice({ id: THIEF, psk: `${PSK} of another` });
  }

  async function ask({ path, body, type = FORM, method = "POST", ...more }: Asked): Promise<Answer> {
    const { authorization = `Bearer ${SECRET}`, tls } = more;
    const request = (tls === undefined ? requestPlain : requestTls)(`${cloud.httpUrl}/hook/${path}`, {
      method,
      agent: false,
      ...tls,
      headers: {
        ...(type !== null && { "content-type": type }),
        ...(authorization !== null && { authorization }),
        connection: "keep-alive",
      },
    });
    request.on("error", () => {});
    request.end(body);
    const [response] = await once(request, "response");
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const { "content-type": answered, connection } = response.headers;
    return {
      status: response.statusCode,
      type: answered,
      connection,
      text: Buffer.concat(chunks).toString(),
    };
  }

  /** What RabbitMQ asks, as 3.10.8 was seen to ask it. @param more in place of what is right; undefined: left out */
  function rabbitmq(question: string, more: Record<string, string | undefined> = {}): Promise<string> {
    const client = { username: ID, vhost: "/", client_id: ID, tags: "" };
    const variables = Object.fromEntries(
      ["client_id", "username", "vhost"].map((name) => [
        `variable_map.${name}`,
        name === "vhost" ? "/" : (more.username ?? ID),
      ]),
    );
    const topic = { username: ID, vhost: "/", resource: "topic", name: "amq.topic", tags: "", ...variables };
    const right = question === "topic" ? topic : client;
    const fields = Object.entries({ ...right, ...more }).filter(
      (field): field is [string, string] => field[1] !== undefined,
    );
    return said(ask({ path: `rabbitmq/${question}`, body: new URLSearchParams(fields).toString() }));
  }

  async function said(answer: Promise<Answer>): Promise<string> {
    const { status, type, text } = await answer;
    assert.deepEqual([status, type], [200, "text/plain"]);
    assert.match(text, /^(allow|deny)$/);
    return text;
  }

  /** What EMQX asks, by our sample. */
  async function emqx(question: string, fields: object): Promise<string> {
    const { status, type, text } = await ask({
      path: `emqx/${question}`,
      body: JSON.stringify(fields),
      type: JSON_TYPE,
    });
    assert.deepEqual([status, type], [200, JSON_TYPE]);
    const { result, is_superuser = false } = JSON.parse(text);
    assert.equal(is_superuser, false);
    return result;
  }

  const counter = (at: number): string => counterPassword(PSK, ID, at);

  describe("asked by RabbitMQ", () => {
    beforeEach(() => start());

    const login = (more: Record<string, string | undefined>): Promise<string> => rabbitmq("user", more);

    it("lets a device in by its counter, once, and then by a higher one", async () => {
      const answers = [];
      for (const at of [10, 11, 11, 10, 20, 15]) answers.push(await login({ password: counter(at) }));
      assert.deepEqual(answers, ["deny", "allow", "deny", "deny", "allow", "deny"]);
      assert.deepEqual([cloud.stats.admitted, cloud.stats.connectsRefused], [2, { password: 4 }]);
    });

    it("lets a device in by its key, and by nothing else", async () => {
      assert.equal(await login({ password: PSK }), "allow");
      for (const password of [
        "",
        "a guess",
        "guest",
        `${PSK} of another`,
        counterPassword(PSK, THIEF, 99),
        undefined,
      ])
        assert.equal(await login({ password }), "deny", password);
    });

    it("a client id is that of its user; a login that names none is none of MQTT, and refused", async () => {
      for (const client_id of [THIEF, "", "x", RECOVERER, undefined])
        assert.equal(await login({ client_id, password: counter(50) }), "deny", client_id);
      assert.equal(await login({ username: THIEF, password: counter(50) }), "deny");
      // None of them used the counter up.
      assert.equal(await login({ password: counter(50) }), "allow");
    });

    it("nobody is on another virtual host than the devices'", async () => {
      for (const vhost of ["other", "", "//", undefined]) {
        assert.equal(await login({ vhost, password: counter(50) }), "deny", vhost);
        assert.equal(await rabbitmq("vhost", { vhost }), "deny", vhost);
        assert.equal(
          await rabbitmq("topic", { vhost, permission: "read", routing_key: `${ID}.rpc.#` }),
          "deny",
          vhost,
        );
      }
      assert.equal(await login({ password: counter(50) }), "allow");
      assert.equal(await rabbitmq("vhost"), "allow");
      assert.equal(await rabbitmq("vhost", { username: "nobody", client_id: "nobody" }), "deny");
      assert.equal(await rabbitmq("vhost", { client_id: THIEF }), "deny");
    });

    it("a device has its own queues, the topics' exchange, and no other thing of any kind", async () => {
      const asked: [kind: string, name: string, permission: string, answer: string][] = [
        ...["configure", "read", "write"].flatMap((permission) =>
          [0, 1].map((qos): [string, string, string, string] => [
            "queue",
            `mqtt-subscription-${ID}qos${qos}`,
            permission,
            "allow",
          ]),
        ),
        ["exchange", "amq.topic", "read", "allow"],
        ["exchange", "amq.topic", "write", "allow"],
        ["exchange", "amq.topic", "configure", "deny"],
        ["exchange", "amq.direct", "write", "deny"],
        ["exchange", "", "write", "deny"],
        ["queue", `mqtt-subscription-${THIEF}qos1`, "read", "deny"],
        ["queue", `mqtt-subscription-${ID}qos2`, "read", "deny"],
        ["queue", `mqtt-subscription-${ID}qos1`, "", "deny"],
        ["queue", "amq.topic", "read", "deny"],
        ["topic", "amq.topic", "write", "deny"],
        ["policy", "amq.topic", "read", "deny"],
        ["", "", "", "deny"],
      ];
      for (const [resource, name, permission, answer] of asked)
        assert.equal(
          await rabbitmq("resource", { resource, name, permission }),
          answer,
          `${resource} ${name} ${permission}`,
        );
      const other = {
        username: THIEF,
        resource: "queue",
        name: `mqtt-subscription-${THIEF}qos1`,
        permission: "read",
      };
      assert.equal(await rabbitmq("resource", other), "deny", "under another's client id");
    });

    it("a device has its own topics", async () => {
      const may = async (
        permission: string,
        keys: string[],
        answer: string,
        username = ID,
      ): Promise<void> => {
        for (const routing_key of keys)
          assert.equal(
            await rabbitmq("topic", { username, permission, routing_key }),
            answer,
            `${permission} ${routing_key}`,
          );
      };
      await may(
        "read",
        [`${ID}.rpc`, `${ID}.rpc.#`, `${ID}.rpc-cbor`, `app.${ID}.x`, `app.${ID}.#`],
        "allow",
      );
      await may("write", [`cloud.from.${ID}.rpc`, `cloud.from.${ID}.rpc-cbor`, `app.${ID}.x`], "allow");
      const others = [
        "#",
        "*.rpc",
        `${THIEF}.rpc`,
        `${THIEF}.rpc.#`,
        "cloud.from.*.rpc",
        "cloud.#",
        "app.#",
        "app.*.x",
      ];
      await may("read", [...others, `cloud.from.${ID}.rpc`, `${ID}.#`, `${ID}/rpc`, "", "$SYS.#"], "deny");
      await may(
        "write",
        [...others, `${ID}.rpc`, `cloud.from.${THIEF}.rpc`, `app.${ID}.*`, `app.${ID}.#`],
        "deny",
      );
      await may("configure", [`${ID}.rpc`], "deny");
      await may("", [`${ID}.rpc`], "deny");
      await may("read", ["nobody.rpc"], "deny", "nobody");
      const elsewhere = { permission: "read", routing_key: `${ID}.rpc` };
      for (const wrong of [
        { name: "amq.direct" },
        { resource: "queue" },
        { "variable_map.client_id": THIEF },
      ])
        assert.equal(await rabbitmq("topic", { ...elsewhere, ...wrong }), "deny", JSON.stringify(wrong));
    });

    it("who asks for a counter may do that and nothing else", async () => {
      const who = { username: RECOVERER, client_id: RECOVERER };
      const password = recoveryPassword(PSK, ID, 1);
      assert.equal(await login({ ...who, password: recoveryPassword(`${PSK}x`, ID, 1) }), "deny");
      assert.equal(await login({ ...who, password: counter(50) }), "deny");
      assert.equal(await login({ ...who, client_id: ID, password }), "deny");
      assert.equal(await login({ ...who, username: ID, password }), "deny");
      assert.equal(await login({ ...who, password }), "allow");
      assert.equal(await rabbitmq("vhost", who), "allow");
      const queue = {
        ...who,
        resource: "queue",
        name: `mqtt-subscription-${RECOVERER}qos1`,
        permission: "read",
      };
      assert.equal(await rabbitmq("resource", queue), "allow");
      assert.equal(await rabbitmq("resource", { ...queue, name: `mqtt-subscription-${ID}qos1` }), "deny");
      const read = ["allow", `${RECOVERER}.rpc`, `${RECOVERER}.rpc.#`];
      const write = ["allow", `cloud.from.${RECOVERER}.rpc`];
      const noRead = [
        "deny",
        "#",
        `${ID}.rpc`,
        `${ID}.rpc.#`,
        `${RECOVERER}.#`,
        `app.${ID}.x`,
        `app.${RECOVERER}.x`,
      ];
      const noWrite = [
        "deny",
        `cloud.from.${ID}.rpc`,
        `cloud.from.${RECOVERER}.rpc-cbor`,
        `app.${RECOVERER}.x`,
      ];
      for (const [permission, [answer, ...keys]] of [
        ["read", read],
        ["read", noRead],
        ["write", write],
        ["write", noWrite],
      ] as const)
        for (const routing_key of keys)
          assert.equal(
            await rabbitmq("topic", { ...who, permission, routing_key }),
            answer,
            `${permission} ${routing_key}`,
          );
    });

    it("who asks for a counter all the time is refused for a while, as at the cloud's own broker", async () => {
      const who = { username: RECOVERER, client_id: RECOVERER };
      const answers = [];
      for (let i = 0; i < 22; i++)
        answers.push(await login({ ...who, password: recoveryPassword(PSK, ID, i) }));
      assert.deepEqual(answers, [...Array(20).fill("allow"), "deny", "deny"]);
      assert.deepEqual(cloud.health.recoveries, { told: 0, refused: 2 });
      assert.deepEqual(cloud.stats.recoveriesRefused, { "recovery-rate": 2 });
    });

    it("a device that was barred is refused everything, its counter too", async () => {
      await cloud.disable(ID);
      const who = { username: RECOVERER, client_id: RECOVERER };
      assert.equal(await login({ password: counter(50) }), "deny");
      assert.equal(await login({ ...who, password: recoveryPassword(PSK, ID, 1) }), "deny");
      assert.equal(await rabbitmq("vhost"), "deny");
      assert.equal(await rabbitmq("vhost", who), "deny");
      assert.equal(await rabbitmq("topic", { permission: "read", routing_key: `${ID}.rpc` }), "deny");
      assert.equal(
        await rabbitmq("resource", { resource: "exchange", name: "amq.topic", permission: "read" }),
        "deny",
      );
    });

    it("what is asked twice in one question, or is none, is refused and counted", async () => {
      const body = new URLSearchParams({
        username: ID,
        vhost: "/",
        client_id: ID,
        password: counter(50),
      }).toString();
      for (const wrong of [
        "",
        "{}",
        "%",
        `${body}&username=${ID}`,
        `${body}&username=${THIEF}`,
        "x".repeat(8_192),
      ])
        assert.equal(await said(ask({ path: "rabbitmq/user", body: wrong })), "deny", wrong.slice(0, 80));
      assert.deepEqual(cloud.stats.dropped, { "hook-malformed": 2 });
      assert.equal(await said(ask({ path: "rabbitmq/user", body })), "allow");
    });

    it("each answer ends its connection: RabbitMQ would fail a login over one that closes just then", async () => {
      assert.equal((await ask({ path: "rabbitmq/vhost", body: "" })).connection, "close");
      const kept = await ask({ path: "emqx/authorize", body: "{}", type: JSON_TYPE });
      assert.equal(kept.connection, "keep-alive");
    });
  });

  describe("asked by EMQX", () => {
    beforeEach(() => start());

    const login = (more: object): Promise<string> =>
      emqx("authenticate", { clientid: ID, username: ID, ...more });

    it("lets a device in by its counter once, and the principal that asks for it", async () => {
      const answers = [];
      for (const at of [10, 11, 11, 12]) answers.push(await login({ password: counter(at) }));
      assert.deepEqual(answers, ["deny", "allow", "deny", "allow"]);
      const who = { clientid: RECOVERER, username: RECOVERER, password: recoveryPassword(PSK, ID, 1) };
      assert.deepEqual([await login(who), await login({ ...who, clientid: ID })], ["allow", "deny"]);
    });

    it("says deny, and never ignore, to whatever else it is asked", async () => {
      const password = counter(50);
      for (const wrong of [
        { password: "a guess" },
        { password: "" },
        {},
        { password: 50 },
        { password, clientid: THIEF },
        { password, username: THIEF },
        { password, username: "nobody", clientid: "nobody" },
        { password, username: undefined },
        { password, clientid: null },
      ])
        assert.equal(await login(wrong), "deny", JSON.stringify(wrong));
      for (const body of ["", "x", "[]", "null", "7", '"x"', "[".repeat(8_000), "x".repeat(20_000)]) {
        const { status, text } = await ask({ path: "emqx/authenticate", body, type: JSON_TYPE });
        assert.deepEqual([status, JSON.parse(text)], [200, { result: "deny" }], body.slice(0, 20));
      }
      assert.deepEqual(cloud.stats.dropped, { "hook-malformed": 7, "hook-too-long": 1 });
      assert.equal(await login({ password }), "allow");
    });

    it("a device, and who asks for its counter, have their own topics", async () => {
      const may = (id: string, action: string, topic: string): Promise<string> =>
        emqx("authorize", { clientid: id, username: id, action, topic });
      for (const [id, action, topic, answer] of [
        [ID, "subscribe", `${ID}/rpc/#`, "allow"],
        [ID, "subscribe", `${ID}/rpc-cbor`, "allow"],
        [ID, "publish", `cloud/from/${ID}/rpc`, "allow"],
        [ID, "publish", `${ID}/rpc`, "deny"],
        [ID, "subscribe", "#", "deny"],
        [ID, "subscribe", `${THIEF}/rpc`, "deny"],
        [ID, "publish", `cloud/from/${THIEF}/rpc`, "deny"],
        [ID, "all", `${ID}/rpc`, "deny"],
        [RECOVERER, "subscribe", `${RECOVERER}/rpc/#`, "allow"],
        [RECOVERER, "publish", `cloud/from/${RECOVERER}/rpc`, "allow"],
        [RECOVERER, "publish", `cloud/from/${ID}/rpc`, "deny"],
        [RECOVERER, "subscribe", `${ID}/rpc/#`, "deny"],
        ["nobody", "subscribe", "nobody/rpc", "deny"],
      ] as const)
        assert.equal(await may(id, action, topic), answer, `${id} ${action} ${topic}`);
      const other = { clientid: THIEF, username: ID, action: "subscribe", topic: `${ID}/rpc` };
      assert.equal(await emqx("authorize", other), "deny");
      await cloud.disable(ID);
      assert.equal(await may(ID, "subscribe", `${ID}/rpc/#`), "deny");
    });
  });

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
    const other = await cloud.issueCertificate(THIEF);
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
