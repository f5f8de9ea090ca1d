import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { Events } from "../../host-sim/cloud/events.js";
import { MacSession } from "../../host-sim/cloud/mac-session.js";
import { entityOf } from "../../host-sim/cloud/new-entity.js";
import { Replayed } from "../../host-sim/cloud/peers.js";
import { Recoveries } from "../../host-sim/cloud/recoveries.js";
import type { Entity } from "../../host-sim/cloud/types.js";
import { simulateDevice } from "../../host-sim/index.js";
import { type Service, type ServiceOptions, startService } from "../../host-sim/service/index.js";
import { State } from "../../host-sim/service/state.js";
import { Client } from "../cloud/client.js";
import { MacDevice } from "../cloud/mac.js";
import { counterPassword, recoveryPassword } from "../cloud/passwords.js";
import { Postgres } from "../servers/postgres.js";
import { FREE, newKeyFile } from "./places.js";

const HOST = "app.example.com";
const REPLICA = fileURLToPath(new URL("./replica.ts", import.meta.url));

interface Where {
  httpUrl: string;
  rpcUrl: string;
}

interface Credential {
  id: string;
  psk: string;
}

interface Reply {
  id?: number;
  result?: { token?: string };
  error?: { code: number; retry_after?: number };
}

describe("the service on PostgreSQL", function () {
  this.timeout(120_000);
  let postgres: Postgres;
  let options: ServiceOptions;
  let services: [Service, Service];
  const children: ChildProcess[] = [];

  before(async function () {
    postgres = await Postgres.start(this);
    const sealKeyFiles = [newKeyFile()];
    // Who shows a counter that another took is told at once here, and not as late as a guess.
    const limits = { wrongKeyMs: 0 };
    // A machine that freezes for a second is no database that is away.
    options = { database: { url: postgres.url }, sealKeyFiles, databaseLimitMs: 20_000, ...FREE, limits };
    services = await Promise.all([startService(options), startService(options)]);
  });
  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all((services ?? []).map((service) => service.close()));
    await postgres?.close();
  });

  /** Another replica, in a process of its own. */
  async function replica(): Promise<{ child: ChildProcess; where: Where }> {
    const child = fork(REPLICA, { execArgv: ["--import", "tsx"] });
    children.push(child);
    child.send(options);
    const [where] = (await once(child, "message")) as [Where & { reason?: string }];
    assert.equal(where.reason, undefined);
    return { child, where };
  }

  const basic = ({ id, psk }: Credential) => `Basic ${Buffer.from(`${id}:${psk}`).toString("base64")}`;

  /** A frame by POST; null: no answer came. */
  async function call(where: Where, known: Credential, id: number, args: object = { host: HOST }) {
    const body = JSON.stringify({ v: 2, id, method: "/v1/Auth.GenerateToken", args });
    try {
      const headers = { authorization: basic(known) };
      const response = await fetch(`${where.httpUrl}/rpc`, { method: "POST", headers, body });
      return { status: response.status, reply: (await response.json()) as Reply };
    } catch {
      return null;
    }
  }

  it("two replicas that start at once on an empty database share its schema and its keys", async () => {
    const [first, second] = await Promise.all(
      services.map(async ({ httpUrl }) => (await fetch(`${httpUrl}/.well-known/jwks.json`)).json()),
    );
    assert.deepEqual(first, second);
  });

  it("what one replica did the other knows at once: devices, tokens, revocations, who is barred", async () => {
    const [one, other] = services;
    const known = await one.addDevice({ id: "device_shared" });
    const device = simulateDevice({ cloud: one, ...known });
    const { token } = await device.host(HOST).getToken();
    device.close();
    assert.equal((await other.checkToken(token, HOST)).active, true);
    const moved = simulateDevice({ cloud: other, ...known });
    await moved.host(HOST).getToken();
    await moved.host(HOST).revokeToken();
    assert.equal((await one.checkToken(token, HOST)).active, false);
    moved.close();
    await one.disable(known.id);
    assert.equal((await call(other, known, 1))?.status, 401);
  });

  it("of two operators who register one id at two replicas, one does; what both revoke or rotate is done once", async () => {
    const states = await Promise.all([State.open(options, ""), State.open(options, "")]);
    const at = new Date().toISOString();
    try {
      for (let turn = 0; turn < 10; turn++) {
        const id = `device_registered_${turn}`;
        const wanted = ["key-of-the-first", "key-of-the-second"].map((psk) => entityOf({ id, psk }));
        const added = await Promise.all(
          states.map(({ devices }, which) =>
            devices.enroll([wanted[which] as Entity], { did: "created", by: `operator_${which}`, at }),
          ),
        );
        assert.equal(added.filter((ids) => ids.has(id)).length, 1);
        const winner = added.findIndex((ids) => ids.has(id));
        const known = (await states[0].devices.known([id])).get(id);
        assert.equal(known?.psk, wanted[winner]?.psk);
        const stage = { did: "rotation-begun", by: "both", at } as const;
        const revoke = { did: "revoked", by: "both", at } as const;
        const staged = await Promise.all(
          states.map(({ devices }) => devices.stage(id, "the-next-key", stage)),
        );
        const revoked = await Promise.all(states.map(({ devices }) => devices.revoke(id, revoke)));
        assert.deepEqual(
          [staged.sort(), revoked.sort()],
          [
            [false, true],
            [false, true],
          ],
        );
        const history = (await states[1].devices.known([id])).get(id)?.history ?? [];
        assert.deepEqual(
          history.map(({ did, by }) => `${did} by ${by}`),
          [`created by operator_${winner}`, "rotation-begun by both", "revoked by both"],
        );
      }
    } finally {
      await Promise.all(states.map((state) => state.close()));
    }
  });

  it("one counter lets one connection in, however many come at once and wherever", async () => {
    const known = await services[0].addDevice({ id: "device_race" });
    for (let counter = 1; counter <= 30; counter++) {
      const password = counterPassword(known.psk, known.id, counter);
      const clients = await Promise.all(
        Array.from({ length: 6 }, (_, at) =>
          Client.open((services[at % 2] as Service).mqttUrl, { id: known.id, username: known.id, password }),
        ),
      );
      const codes = clients.map(({ returnCode }) => returnCode).sort();
      assert.deepEqual(codes, [0, 4, 4, 4, 4, 4], `counter ${counter}`);
      for (const client of clients) client.close();
    }
  });

  it("one counter opens one MAC session, however many come at once and wherever", async () => {
    const known = await services[0].addDevice({ id: "device_sessions" });
    const headers = { authorization: basic(known) };
    const sockets = await Promise.all(
      Array.from({ length: 6 }, async (_, at) => {
        const { rpcUrl } = services[at % 2] as Service;
        const socket = new WebSocket(rpcUrl, "clubby.cesanta.com", { headers });
        await once(socket, "open");
        return socket;
      }),
    );
    for (let counter = 1; counter <= 20; counter++) {
      const answers = await Promise.all(
        sockets.map(async (socket, at) => {
          const mac = new MacDevice(known.psk, counter);
          const answer = once(socket, "message");
          const id = counter * 10 + at;
          socket.send(mac.seal({ v: 2, src: known.id, id, method: "/v1/Hello", sec: mac.sec }));
          const text = String((await answer)[0]);
          // A session that another one took the place of is answered under no MAC, or not at all.
          return text.includes("\n") ? "session" : (JSON.parse(text) as Reply).error?.code;
        }),
      );
      assert.deepEqual(answers.sort(), [401, 401, 401, 401, 401, "session"], `counter ${counter}`);
    }
    for (const socket of sockets) socket.terminate();
  });

  it("frames that overtake each other within 32 count once each, in whatever order and by whatever replica", async () => {
    const known = await services[0].addDevice({ id: "device_window" });
    const states = await Promise.all([State.open(options, ""), State.open(options, "")]);
    const session = new MacSession(known.psk, { counter: 1, nonce: randomBytes(16), seals: false });
    /** A replica's look at a message. */
    const peerAt = async (at: number) => {
      const { accounts, peers } = states[at % 2] as State;
      return peers.of((await accounts.find(known.id)) ?? assert.fail());
    };
    const opened = await peerAt(0);
    assert.equal(await opened.open(session, 0), true);
    const nothing = { request: "", outcome: "", code: 0 };
    const accept = async (at: number, sequence: number): Promise<boolean> => {
      const peer = await peerAt(at);
      if (!(await peer.accept(session, sequence))) return false;
      return peer
        .once({ id: at, request: "", changes: false }, async () => nothing)
        .then(
          () => true,
          (failure) => {
            assert.ok(failure instanceof Replayed);
            return false;
          },
        );
    };
    let highest = 0;
    const seen = new Set([0]);
    for (let at = 0; at < 300; at++) {
      const sequence = Math.max(0, highest + randomInt(-40, 12));
      const isNew = sequence > highest || (highest - sequence <= 32 && !seen.has(sequence));
      assert.equal(await accept(at, sequence), isNew, `${sequence} behind ${highest}`);
      highest = Math.max(highest, sequence);
      seen.add(sequence);
    }
    const once = await Promise.all(Array.from({ length: 12 }, (_, at) => accept(at, highest + 5)));
    assert.equal(once.filter((taken) => taken).length, 1);
    assert.equal(await accept(0, highest + 200), true);
    assert.equal(await accept(1, highest + 160), false);
    assert.equal(await accept(1, highest + 190), true);
    for (const state of states) await state.close();
  });

  it("who may ask for a counter is known to every replica: four answers, whoever gives them", async () => {
    const known = await services[0].addDevice({ id: "device_recover", counter: 77 });
    const states = await Promise.all([State.open(options, ""), State.open(options, "")]);
    const events = new Events();
    const recoveries = states.map(
      ({ accounts, recoveryBook, clock }) => new Recoveries(accounts, recoveryBook, events, clock.now),
    );
    const entity = (await states[0]?.accounts.find(known.id)) ?? assert.fail();
    assert.equal(await recoveries[1]?.answer(known.id), null);
    const password = Buffer.from(recoveryPassword(known.psk, known.id, 1));
    assert.equal(await recoveries[0]?.refusalOf(entity, password), null);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => recoveries[at % 2]?.answer(known.id)),
    );
    assert.deepEqual(
      answers.flatMap((answer) => (answer ? [answer.c] : [])),
      [77, 77, 77, 77],
    );
    assert.deepEqual(events.stats.recoveries, { [known.id]: 1 });
    for (const state of states) await state.close();
  });

  it("the key that seals changes by overlap: sealed anew, all opens without the old one", async () => {
    const known = await services[0].addDevice({ id: "device_sealed" });
    const [old = ""] = options.sealKeyFiles ?? [];
    const next = newKeyFile();
    const both = await startService({ ...options, sealKeyFiles: [next, old] });
    assert.ok((await both.reseal()) > 0);
    assert.equal(await both.reseal(), 0);
    await both.close();
    const alone = await startService({ ...options, sealKeyFiles: [next] });
    assert.equal((await call(alone, known, 1))?.status, 200);
    await alone.close();
    // The replicas of this suite have the old one alone.
    const back = await startService({ ...options, sealKeyFiles: [old, next] });
    await back.reseal();
    await back.close();
    await assert.rejects(startService({ ...options, sealKeyFiles: [next] }), /Nothing opens signing key/);
  });

  it("a request that comes twice at once, to two replicas, makes one token", async () => {
    const known = await services[0].addDevice({ id: "device_twice" });
    for (let id = 1; id <= 20; id++) {
      const answers = await Promise.all(services.map((service) => call(service, known, id)));
      const tokens = answers.map((answer) => answer?.reply.result?.token);
      assert.ok(tokens[0] !== undefined && tokens[0] === tokens[1], `request ${id}`);
    }
  });

  it("a replica killed under load: no token was told that nobody knows, and a retry elsewhere makes no second one", async () => {
    const [survivor] = services;
    const devices = await Promise.all(
      Array.from({ length: 5 }, (_, at) => survivor.addDevice({ id: `device_load_${at}` })),
    );
    const { child, where } = await replica();
    let answered = 0;
    const requests = devices.flatMap((device) =>
      Array.from({ length: 24 }, (_, at) => ({ device, id: at + 1 })),
    );
    const first = await Promise.all(
      requests.map(async ({ device, id }) => {
        const answer = await call(where, device, id, { host: `app-${id}.example.com` });
        if (++answered === 30) child.kill("SIGKILL");
        return answer?.reply.result?.token;
      }),
    );
    const unanswered = first.filter((token) => token === undefined).length;
    assert.ok(unanswered > 0, "it was killed when all was answered");
    for (const [at, { device, id }] of requests.entries()) {
      const host = `app-${id}.example.com`;
      const told = first[at];
      if (told !== undefined) assert.equal((await survivor.checkToken(told, host)).active, true, host);
      const again = (await call(survivor, device, id, { host }))?.reply.result?.token;
      assert.ok(again !== undefined);
      if (told !== undefined) assert.equal(again, told);
    }
  });

  it("SIGTERM: what came in is answered, then the connection is closed", async () => {
    const known = await services[0].addDevice({ id: "device_drain" });
    const { child, where } = await replica();
    const socket = new WebSocket(where.rpcUrl, "clubby.cesanta.com", {
      headers: { authorization: basic(known) },
    });
    await once(socket, "open");
    const answered = new Set<number>();
    socket.on("message", (data) => {
      const { id, error } = JSON.parse(String(data)) as Reply;
      assert.equal(error, undefined);
      answered.add(id as number);
      if (answered.size === 1) child.kill("SIGTERM");
    });
    const closed = once(socket, "close");
    const exited = once(child, "exit");
    for (let id = 1; id <= 50; id++) {
      const args = { host: `app-${id}.example.com` };
      socket.send(JSON.stringify({ v: 2, src: known.id, id, method: "/v1/Auth.GenerateToken", args }));
    }
    assert.deepEqual([(await closed)[0], answered.size], [1001, 50]);
    assert.deepEqual(await exited, [0, null]);
  });

  it("a database that stands still is told as 503 with a hint when to try again, and as not ready; then all goes on", async () => {
    const known = await services[0].addDevice({ id: "device_away" });
    const service = await startService({ ...options, databaseLimitMs: 450 });
    await call(service, known, 1);
    postgres.pause();
    try {
      const startedMs = performance.now();
      const headers = { authorization: basic(known) };
      const refused = await fetch(`${service.httpUrl}/rpc`, { method: "POST", headers, body: "{}" });
      console.log(`      answered after ${Math.round(performance.now() - startedMs)} ms`);
      assert.equal(refused.status, 503);
      assert.ok(Number(refused.headers.get("retry-after")) > 0);
      assert.equal((await fetch(`${service.httpUrl}/readyz`)).status, 503);
      assert.equal((await fetch(`${service.httpUrl}/livez`)).status, 200);
      const client = await Client.open(service.mqttUrl, {
        id: known.id,
        username: known.id,
        password: counterPassword(known.psk, known.id, 1),
      });
      assert.equal(client.returnCode, 3);
      client.close();
    } finally {
      postgres.resume();
    }
    await service.close();
    assert.equal((await call(services[0], known, 2))?.status, 200);
    assert.equal((await fetch(`${services[0].httpUrl}/readyz`)).status, 200);
  });
});
