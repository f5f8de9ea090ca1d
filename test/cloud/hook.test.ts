/** The hook: how other brokers ask the cloud who may log in and who may use a topic, over HTTP. */
import assert from "node:assert/strict";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import {
  type Answer,
  type Asked,
  ask as askHook,
  counter,
  emqx as emqxAsks,
  ID,
  JSON_TYPE,
  PSK,
  RECOVERER,
  rabbitmq as rabbitmqAsks,
  SECRET,
  said,
} from "./hook-asker.js";
import { counterPassword, recoveryPassword } from "./passwords.js";

const THIEF = "device_9";

describe("the hook", () => {
  let cloud: Cloud;

  afterEach(() => cloud?.close());

  async function start(): Promise<void> {
    cloud = await startCloud({ hook: { secret: SECRET } });
    await cloud.addDevice({ id: ID, psk: PSK, counter: 10 });
    await cloud.addDevice({ id: THIEF, psk: `${PSK} of another` });
  }

  const ask = (asked: Asked): Promise<Answer> => askHook(cloud.httpUrl, asked);
  const rabbitmq = (question: string, more?: Record<string, string | undefined>): Promise<string> =>
    rabbitmqAsks(cloud.httpUrl, question, more);
  const emqx = (question: string, fields: object): Promise<string> =>
    emqxAsks(cloud.httpUrl, question, fields);

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
});
