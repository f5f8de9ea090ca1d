/** `motekey device label`, read by zbar as a scanner reads it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readCredential } from "../../firmware/index.js";
import { PartitionStore } from "../../tools/device/provision.js";
import { Partition } from "../../tools/nvs/partition.js";
import { newIdentity } from "./age.js";
import { Line } from "./line.js";
import { needProgram } from "./process.js";

describe("motekey device label", () => {
  let line: Line;
  const IDS = Array.from({ length: 26 }, (_, i) => (i === 1 ? `long_${"x".repeat(60)}` : `Device-${i}`));
  before(async function () {
    needProgram(this, "zbarimg", "zbar-tools");
    needProgram(this, "pdftoppm", "poppler-utils");
    line = await Line.open();
    line.file("list.csv", `id\n${IDS.join("\n")}\n`);
    await line.json("device batch list.csv --out lot");
  });
  after(() => line?.close());

  const scanned = (...files: string[]): string[] => {
    const words = [
      "--quiet",
      "--raw",
      "-Sdisable",
      "-Sqrcode.enable",
      ...files.map((name) => line.path(name)),
    ];
    return spawnSync("zbarimg", words).stdout.toString().trim().split("\n").sort();
  };
  /** A picture of one label, cut from its sheet of 3 × 8. */
  const cut = (index: number): string => {
    const [width, height] = [551, 292];
    const place = index % 24;
    const at = ["-x", `${(place % 3) * width}`, "-y", `${Math.floor(place / 3) * height}`];
    const page = `${Math.floor(index / 24) + 1}`;
    const which = ["-r", "200", "-f", page, "-l", page, ...at, "-W", `${width}`, "-H", `${height}`];
    spawnSync("pdftoppm", [
      ...which,
      "-png",
      "-singlefile",
      line.path("labels.pdf"),
      line.path(`cut-${index}`),
    ]);
    return `cut-${index}.png`;
  };
  const fingerprints = async (): Promise<Map<string, string>> => {
    const devices: { id: string; key_fingerprint: string }[] = await line.json("device list");
    return new Map(devices.map(({ id, key_fingerprint }) => [id, key_fingerprint]));
  };

  it("sheets as PDF: a scanner reads id and fingerprint of each, and no secret is in the file", async () => {
    const answer = await line.json("device label lot");
    assert.deepEqual(
      [answer.files, answer.labels, answer.secret, answer.done],
      [["labels.pdf"], 26, false, true],
    );
    const known = await fingerprints();
    for (const index of [0, 1, 13, 23, 25]) {
      const id = IDS[index] as string;
      assert.deepEqual(scanned(cut(index)), [`motekey:1:${id}:${known.get(id)}`]);
    }
    assert.equal(line.mode("labels.pdf"), 0o600);
  });

  it("--png: one for each, and a file that is there is replaced with --force only", async () => {
    const { files } = await line.json("device label lot --png --out codes");
    assert.equal(files.length, 26);
    const known = await fingerprints();
    assert.deepEqual(scanned("codes/Device-0.png"), [`motekey:1:Device-0:${known.get("Device-0")}`]);
    await line.failed("device label lot --png --out codes", "usage", /is there already/);
    await line.json("device label lot --png --out codes --force");
  });

  it("--with-secret: the key is in the code, the file is its owner's alone, and no output has the key", async () => {
    const said = await line.world.line("device label lot --png --out secret --with-secret");
    const partition = Partition.read(line.read("lot", "Device-0.bin"));
    const psk = Buffer.from(readCredential(new PartitionStore(partition)).credential?.psk ?? []).toString();
    assert.equal(psk.length, 43);
    assert.match(
      scanned("secret/Device-0.png")[0] ?? "",
      new RegExp(`^motekey:1:Device-0:[0-9a-f]{16}:${psk}$`),
    );
    assert.equal(line.mode("secret", "Device-0.png"), 0o600);
    assert.ok(!`${said.stdout}${said.stderr}`.includes(psk));
  });

  it("--with-secret of sealed images, a folder without a batch, and --out that is no PDF are refused", async () => {
    line.file("one.csv", "id\nsealed-1\n");
    await line.json(`device batch one.csv --out sealed --recipient ${newIdentity().recipient}`);
    await line.failed("device label sealed --with-secret --out none.pdf", "usage", /is sealed/);
    await line.failed("device label none", "storage_denied", /there is no such file/);
    await line.failed("device label lot --out labels.txt", "usage", /--out is no \.pdf/);
    const planned = await line.json("device label lot --out planned.pdf --dry-run");
    assert.equal(planned.done, false);
    assert.ok(!existsSync(line.path("planned.pdf")) && !existsSync(line.path("none.pdf")));
  });
});
