/** What one statement carries out for an answer, on a real PostgreSQL. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type AnswerSteps, Answers } from "../../host-sim/service/store/answers.js";
import { Database } from "../../host-sim/service/store/database.js";
import { migrate } from "../../host-sim/service/store/migrations.js";
import type { TokenChange } from "../../host-sim/service/store/planned-tokens.js";
import { PostgresEngine } from "../../host-sim/service/store/postgres.js";
import { Postgres } from "../servers/postgres.js";

const HOST = "app.example.com";
const NOW = Date.now();

describe("what an answer changes", function () {
  this.timeout(60_000);
  let postgres: Postgres;
  let database: Database;
  let answers: Answers;

  before(async function () {
    postgres = await Postgres.start(this);
    const engine = await PostgresEngine.open({ url: postgres.url });
    await migrate(engine);
    database = new Database(engine, 20_000);
    answers = new Answers(database);
  });
  after(async () => {
    await database?.close();
    await postgres?.close();
  });

  async function device(id: string, isDisabled = false): Promise<string> {
    const sql = "INSERT INTO motekey.devices (id, role, psk, disabled) VALUES ($1, 'device', '', $2)";
    await database.query(sql, [id, isDisabled]);
    return id;
  }

  const generate = (host = HOST): TokenChange => ({
    kind: "generate",
    host,
    hash: randomBytes(32),
    sealed: randomBytes(20),
    issuedAtMs: NOW,
    gracedAtMs: NOW + 1_000,
    expiresAtMs: NOW + 60_000,
  });

  const steps = (id: string, requestId: number, change: TokenChange | null = generate()): AnswerSteps => ({
    device: id,
    session: null,
    reply: { requestId, request: Buffer.from("asked"), sealed: Buffer.from(`reply ${requestId}`), code: 0 },
    change,
  });

  const tokensOf = async (id: string): Promise<number[]> =>
    (
      await database.query<{ expires_at_ms: number }>(
        "SELECT expires_at_ms FROM motekey.tokens WHERE sub = $1 ORDER BY place",
        [id],
      )
    ).map(({ expires_at_ms: ms }) => ms - NOW);

  it("a token and its reply are kept together; the same request gets that reply, and no second token", async () => {
    const id = await device("device_once");
    assert.equal((await answers.put(steps(id, 1))).outcome, "done");
    const again = await answers.put(steps(id, 1));
    assert.deepEqual([again.outcome, again.sealed?.toString(), again.code], ["repeated", "reply 1", 0]);
    assert.deepEqual(await tokensOf(id), [60_000]);
  });

  it("the token before the newest gets the grace time, and the oldest of more than five ends", async () => {
    const id = await device("device_grace");
    for (let requestId = 1; requestId <= 7; requestId++) await answers.put(steps(id, requestId));
    assert.deepEqual(await tokensOf(id), [1_000, 1_000, 1_000, 1_000, 60_000]);
  });

  it("many at once, of many devices, each get their own answer", async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, (_, at) => device(`device_many_${40 - at}`)));
    await answers.put(steps(ids[7] as string, 1));
    const all = await Promise.all(ids.map((id) => answers.put(steps(id, 1))));
    assert.deepEqual(
      all.map(({ outcome }) => outcome),
      ids.map((_, at) => (at === 7 ? "repeated" : "done")),
    );
  });

  it("nobody who is barred, or unknown, gets a token", async () => {
    const id = await device("device_barred", true);
    assert.equal((await answers.put(steps(id, 1))).outcome, "barred");
    assert.equal((await answers.put(steps("device_nobody", 1))).outcome, "barred");
    assert.deepEqual(await tokensOf(id), []);
  });

  it("there is no token for one host more than a thousand, and one for each of those", async () => {
    const id = await device("device_hosts");
    await database.query(
      `INSERT INTO motekey.tokens (hash, sub, host, sealed, issued_at_ms, expires_at_ms)
       SELECT sha256(convert_to(g::text, 'UTF8')), $1, 'app' || g, '', 0, $2 FROM generate_series(1, 1000) g`,
      [id, NOW + 60_000],
    );
    assert.equal((await answers.put(steps(id, 1))).outcome, "full");
    assert.equal((await answers.put(steps(id, 2, generate("app7")))).outcome, "done");
    assert.equal((await answers.put(steps(id, 1, { kind: "revoke", host: "app8" }))).outcome, "done");
    assert.equal((await answers.put(steps(id, 3))).outcome, "done");
  });

  it("a sequence of a session is taken once, also when two messages come at once, and replies get rising ones", async () => {
    const id = await device("device_session");
    const nonce = randomBytes(16);
    await database.query("INSERT INTO motekey.mac_sessions VALUES ($1, 5, $2, 0, -1)", [id, nonce]);
    const under = (received: number | null, requestId: number): AnswerSteps => ({
      ...steps(id, requestId),
      session: { counter: 5, nonce, received },
    });
    const twice = await Promise.all([answers.put(under(1, 1)), answers.put(under(1, 2))]);
    assert.deepEqual(twice.map(({ outcome }) => outcome).sort(), ["done", "replayed"]);
    assert.deepEqual(await tokensOf(id), [60_000]);
    assert.equal((await answers.put(under(4, 3))).sent, 1);
    // One that was overtaken counts once.
    assert.equal((await answers.put(under(3, 4))).sent, 2);
    for (const sequence of [3, 4]) assert.equal((await answers.put(under(sequence, 7))).outcome, "replayed");
    assert.equal((await answers.put(under(null, 5))).sent, 3);
    const other = { ...under(9, 6), session: { counter: 6, nonce, received: 9 } };
    assert.equal((await answers.put(other)).outcome, "replayed");
  });
});
