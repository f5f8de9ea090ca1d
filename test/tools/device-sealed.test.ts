/** What `motekey device batch` seals: with age for who has the identity, with XTS for the chip. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { NvsKeys } from "../../tools/nvs/keys.js";
import { Partition } from "../../tools/nvs/partition.js";
import { newIdentity } from "./age.js";
import { Line } from "./line.js";
import { pattern } from "./nvs/vectors.js";
import { needProgram } from "./process.js";

describe("motekey device batch seals", () => {
  let line: Line;
  let identity: string;
  let recipient: string;
  let number = 0;
  before(async function () {
    needProgram(this, "age", "age");
    ({ identity, recipient } = newIdentity());
    line = await Line.open();
    line.file("identity.txt", `# public key: ${recipient}\n${identity}\n`);
    line.file("recipients.txt", `# the line's\n\n${recipient}\n`);
  });
  after(() => line?.close());

  const list = (): string => {
    const id = `sealed_${number++}`;
    line.file("list.csv", `id\n${id}\n`);
    return id;
  };
  const opened = (...names: string[]): Buffer => {
    const words = ["--decrypt", "--identity", line.path("identity.txt"), line.path(...names)];
    const { stdout, stderr, status } = spawnSync("age", words);
    assert.equal(status, 0, `${stderr}`);
    return stdout;
  };

  it("a batch's images are opened by Debian's age, and by nobody without the identity", async () => {
    for (const [folder, flags] of [
      ["one", `--recipient ${recipient}`],
      ["two", "--recipients-file recipients.txt"],
    ] as const) {
      const id = list();
      await line.json(`device batch list.csv --out ${folder} ${flags}`);
      assert.ok(!existsSync(line.path(folder, `${id}.bin`)));
      const sealed = line.read(folder, `${id}.bin.age`);
      assert.equal(line.mode(folder, `${id}.bin.age`), 0o600);
      assert.ok(!sealed.includes("motekey"));
      const image = Partition.read(opened(folder, `${id}.bin.age`));
      assert.notEqual(image.get("motekey", "motekey-creda"), null);
    }
  });

  it("for nobody is refused: an empty list of recipients is an error", async () => {
    list();
    line.file("recipients.txt", "# nobody yet\n\n");
    await line.failed(
      "device batch list.csv --out nobody --recipients-file recipients.txt",
      "usage",
      /There is no recipient: what is sealed for nobody, nobody opens/,
    );
    assert.ok(!existsSync(line.path("nobody")));
  });

  it("for what is no recipient is refused, and an identity is not quoted", async () => {
    list();
    const to = (whom: string) => `device batch list.csv --out none --recipient ${whom}`;
    await line.failed(to("age1pq0000"), "usage", /is no recipient of age's/);
    await line.failed(
      to(recipient.replace(/.$/, (last) => (last === "q" ? "p" : "q"))),
      "usage",
      /is no recipient of age's/,
    );
    const said = await line.world.line(to(identity));
    assert.match(said.stderr, /A recipient is an identity, which is secret/);
    assert.ok(!said.stderr.includes(identity));
  });

  it("--keys-file and --hmac-key-file encrypt a batch's partitions", async () => {
    const keys = new NvsKeys(pattern(64, 11));
    line.file("keys.bin", keys.toPartition());
    line.file("hmac.bin", pattern(32, 5));
    for (const [folder, flag, its] of [
      ["xts", "--keys-file keys.bin", keys],
      ["hmac", "--hmac-key-file hmac.bin", NvsKeys.ofHmacKey(pattern(32, 5))],
    ] as const) {
      const id = list();
      await line.json(`device batch list.csv --out ${folder} ${flag}`);
      const image = Partition.read(line.read(folder, `${id}.bin`), its);
      assert.notEqual(image.get("motekey", "motekey-creda"), null);
    }
  });
});
