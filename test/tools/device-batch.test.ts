/** `motekey device batch`: each device of a list once, whatever happens on the way. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { simulateDevice } from "../../host-sim/index.js";
import { Partition } from "../../tools/nvs/partition.js";
import { numberValue, stringValue } from "../../tools/nvs/value.js";
import { good } from "./acme.js";
import { killedBatch } from "./killed-batch.js";
import { Line } from "./line.js";

describe("motekey device batch", () => {
  let line: Line;
  let number = 0;
  before(async () => {
    line = await Line.open();
  });
  after(() => line.close());

  /** A list of devices whose ids nobody has yet. */
  const list = (count: number, name = "list.csv"): string[] => {
    const lot = number++;
    const ids = Array.from({ length: count }, (_, i) => `lot${lot}_${i}`);
    line.file(name, `id\n${ids.join("\n")}\n`);
    return ids;
  };
  const partition = (...names: string[]): Partition => Partition.read(line.read(...names));
  const pskIn = (made: Partition): string => {
    const record = Buffer.from(made.get("motekey", "motekey-creda")?.data ?? []);
    // Magic, kind, generation, length, owner; then the id and the key, each behind its length (RECORD.md).
    const id = 12 + 1 + (record[12] as number);
    return record.toString("latin1", id + 1, id + 1 + (record[id] as number));
  };

  it("makes an image of each, for its owner only, with its settings, and the cloud knows its key", async () => {
    line.file("own.csv", 'id,app.name:string,app.n:u32\r\nown_1,"a, b",7\r\nown_2,,\r\n');
    const answer = await line.json("device batch own.csv --out own");
    assert.deepEqual(
      [answer.devices, answer.made, answer.before, answer.refused, answer.checked, answer.done],
      [2, 2, 0, 0, 2, true],
    );
    const made = partition("own", "own_1.bin");
    assert.deepEqual(made.get("app", "name"), stringValue("a, b"));
    assert.deepEqual(made.get("app", "n"), numberValue("u32", 7n));
    assert.equal(partition("own", "own_2.bin").get("app", "n"), null);
    for (const name of ["own_1.bin", "batch.jsonl"]) assert.equal(line.mode("own", name), 0o600);
    assert.equal(line.mode("own"), 0o700);
    assert.deepEqual(readdirSync(line.path("own")).sort(), ["batch.jsonl", "own_1.bin", "own_2.bin"]);
    const device = simulateDevice({ cloud: line.cloud, id: "own_1", psk: pskIn(made) });
    try {
      const { token } = await device.host("app.example.com").getToken();
      assert.equal(line.cloud.checkToken(token, "app.example.com").active, true);
    } finally {
      device.close();
    }
  });

  it("killed at any moment and started again: one credential for each device, none lost, none double", async function () {
    this.timeout(120_000);
    await killedBatch(await line.bench(), list(400), { kills: 3 });
  });

  it("again when it is done changes nothing, and compares each with the cloud", async () => {
    list(3);
    await line.json("device batch list.csv --out done");
    const before = line.read("done", "batch.jsonl");
    const again = await line.json("device batch list.csv --out done");
    assert.deepEqual([again.made, again.before, again.checked], [0, 3, 3]);
    assert.deepEqual(line.read("done", "batch.jsonl"), before);
  });

  it("what the cloud no longer has, or has otherwise, is found at the end", async () => {
    const [first = "", second = ""] = list(2);
    await line.json("device batch list.csv --out lost");
    good(await line.world.line(`device revoke ${first} --force`));
    line.cloud.setPsk(second, "another-key-of-this-device");
    const said = await line.world.line("device batch list.csv --out lost");
    assert.equal(said.exit, 1);
    assert.match(said.stderr, new RegExp(`The cloud says that ${first} is revoked`));
    assert.match(said.stderr, new RegExp(`The cloud has another key of ${second}`));
  });

  describe("a run that was cut", () => {
    /** As a run leaves it that was killed when so many lines were on the disk. */
    const cut = async (folder: string, lines: number): Promise<string[]> => {
      const ids = list(5);
      await line.json(`device batch list.csv --out ${folder} ${GROUP_KEY}`);
      const text = line.read(folder, "batch.jsonl").toString().split("\n").slice(0, lines).join("\n");
      line.file(`${folder}/batch.jsonl`, `${text}\n`);
      return ids;
    };
    const GROUP_KEY = "--group-key-file group.key";
    before(() => void line.file("group.key", Buffer.alloc(64, 7).toString("base64")));

    it("left a torn line: it goes, and nobody was told of it", async () => {
      await cut("torn", 3);
      appendFileSync(line.path("torn", "batch.jsonl"), '{"n":4,"at":"2026-');
      const { made, before, checked } = await line.json(`device batch list.csv --out torn ${GROUP_KEY}`);
      assert.deepEqual([made, before, checked], [3, 2, 5]);
      assert.equal((await line.json("device audit verify torn/batch.jsonl")).intact, true);
    });

    it("left a file damaged, or lost one: it is made again, with the same key", async () => {
      const [first, second] = await cut("damaged", 4);
      const before = line.read("damaged", `${first}.bin`);
      truncateSync(line.path("damaged", `${first}.bin`), 100);
      rmSync(line.path("damaged", `${second}.bin`));
      writeFileSync(line.path("damaged", `.${second}.bin.part`), "left over");
      await line.json(`device batch list.csv --out damaged ${GROUP_KEY}`);
      assert.deepEqual(line.read("damaged", `${first}.bin`), before);
      assert.ok(existsSync(line.path("damaged", `${second}.bin`)));
      assert.ok(!existsSync(line.path("damaged", `.${second}.bin.part`)));
    });

    it("is not mixed with another list, another size or another key: batch_other", async () => {
      await cut("other", 3);
      line.file("wrong.key", Buffer.alloc(64, 8).toString("base64"));
      const again = "device batch list.csv --out other";
      await line.failed(`${again} --group-key-file wrong.key`, "batch_other", /with another key source/);
      await line.failed(`${again} ${GROUP_KEY} --size 0x4000`, "batch_other", /with another size/);
      await line.failed(again, "batch_other", /batch\.seed is gone/);
      list(5);
      await line.failed(`${again} ${GROUP_KEY}`, "batch_other", /is not in the list in that place/);
    });

    it("whose log was changed is not gone on with: log_broken, with the line", async () => {
      await cut("broken", 4);
      const text = line.read("broken", "batch.jsonl").toString().replace('"n":3,', '"n":3, ');
      line.file("broken/batch.jsonl", text);
      await line.failed(
        `device batch list.csv --out broken ${GROUP_KEY}`,
        "log_broken",
        /is broken in line 3: .* Lines 1 to 2 are as they were written/,
      );
    });
  });

  it("ids that the cloud refuses are named with their lines, and the others are made", async () => {
    const [first = "", second = ""] = list(3);
    await line.cloud.addDevice({ id: second });
    const plan = await line.world.line("device batch list.csv --out refused --dry-run");
    assert.match(plan.stderr, new RegExp(`list\\.csv, line 3: the id ${second} is taken`));
    assert.equal(plan.exit, 1);
    const said = await line.world.line("device batch list.csv --out refused --json");
    assert.equal(said.exit, 1);
    assert.match(said.stderr, new RegExp(`list\\.csv, line 3: the cloud refuses ${second}: .*is taken`));
    const answer = JSON.parse(said.stdout);
    assert.deepEqual([answer.made, answer.refused, answer.checked], [2, 1, 2]);
    assert.ok(existsSync(line.path("refused", `${first}.bin`)));
    assert.ok(!existsSync(line.path("refused", `${second}.bin`)));
  });

  it("--dry-run registers nothing and writes nothing", async () => {
    const [first = ""] = list(2);
    const answer = await line.json("device batch list.csv --out planned --dry-run");
    assert.deepEqual([answer.devices, answer.made, answer.done], [2, 0, false]);
    assert.ok(!existsSync(line.path("planned")));
    await line.failed(`device show ${first}`, "device_unknown", /There is no device/);
  });

  it("a folder that a run has is nobody else's: storage_busy", async () => {
    const { holdLock } = await import("./process.js");
    list(1);
    good(await line.world.line("device batch list.csv --out busy"));
    const release = await holdLock(line.path("busy", "batch"));
    try {
      await line.failed("device batch list.csv --out busy", "storage_busy", /is in use by/);
    } finally {
      await release();
    }
  });

  it("keys of a group key are those that Azure's vector has", async () => {
    const group = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
    const id = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";
    line.file("azure.key", `${group}\n`);
    line.file("azure.csv", `id\n${id}\n`);
    await line.json("device batch azure.csv --out azure --group-key-file azure.key");
    const psk = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";
    assert.equal(pskIn(partition("azure", `${id}.bin`)), psk);
    const fingerprint = createHmac("sha256", psk).update("motekey/fingerprint").digest("hex").slice(0, 16);
    assert.equal((await line.json(`device show ${id}`)).key_fingerprint, fingerprint);
  });

  it("progress has how many, how fast and how long still, on stderr", async () => {
    const { Progress } = await import("../../tools/cli/progress.js");
    const told: (string | null)[] = [];
    let now = 0;
    const output = { hasProgressLine: true, progress: (text: string | null) => void told.push(text) };
    const progress = new Progress(output as never, () => now, "devices", 10_000, 2_000);
    now = 4_000;
    progress.tell(6_000);
    progress.tell(6_001);
    progress.end();
    assert.deepEqual(told, ["6000 of 10000 devices, 60%, 1000 per second, 4 s left", null]);
  });

  describe("refuses a list", () => {
    for (const [name, text, message] of [
      ["without a column for ids", "name\na\n", /bad\.csv, line 1 names no column 'id'/],
      ["with a column that is no setting", "id,name\na,b\n", /line 1 names a column 'name'/],
      ["that names a column twice", "id,id\na,b\n", /line 1 names 'id' twice/],
      ["with an id twice", "id\na1\nb\na1\n", /line 4 has the id of line 2, 'a1'/],
      ["with ids that differ in capitals only", "id\na1\nA1\n", /line 3 has the id of line 2/],
      ["with a space in an id", "id\na 1\n", /line 2 has no device's id/],
      ["with a value too many", "id\na,b\n", /line 2 has 2 values instead of 1/],
      ["with a number that its type does not hold", "id,app.n:u8\na,1\nb,256\n", /line 3: 256 is no u8/],
      ["with a setting of motekey's own", "id,motekey.motekey-ctra:u8\na,1\n", /line 2: .* is motekey's own/],
      ["of nobody", "id\n", /names no device/],
      ["that is empty", "", /bad\.csv is empty/],
    ] as const)
      it(`${name}, and makes nothing`, async () => {
        line.file("bad.csv", text);
        await line.failed("device batch bad.csv --out bad", "usage", message);
        assert.ok(!existsSync(line.path("bad")));
      });

    it("with texts among its settings, where others may read it", async () => {
      line.file("bad.csv", "id,wifi.password:string\na,secret-of-the-line\n", 0o644);
      await line.failed("device batch bad.csv --out bad", "storage_unsafe", /is open to others: mode 644/);
      line.file("bad.csv", "id,app.n:u8\nopen_1,1\n", 0o644);
      await line.json("device batch bad.csv --out open");
    });
  });

  it("no key is in any output, in the log or in a name", async () => {
    const [id = ""] = list(2);
    const said = [
      await line.world.line("device batch list.csv --out quiet --dry-run"),
      await line.world.line("device batch list.csv --out quiet"),
      await line.world.line("device batch list.csv --out quiet --json"),
    ];
    const psk = pskIn(partition("quiet", `${id}.bin`));
    assert.equal(Buffer.from(psk, "base64url").length, 32);
    const all = `${JSON.stringify(said)}${line.read("quiet", "batch.jsonl")}${readdirSync(line.path("quiet"))}`;
    for (const form of [psk, Buffer.from(psk, "base64url").toString("hex")]) assert.ok(!all.includes(form));
    assert.ok(!existsSync(line.path("quiet", "batch.seed")), "the seed is wiped");
  });
});
