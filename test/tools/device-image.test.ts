/** `motekey device image` and `device inspect`: partitions on the bench, and what is never told of them. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NvsKeys } from "../../tools/nvs/keys.js";
import { Partition } from "../../tools/nvs/partition.js";
import { blobValue, numberValue, stringValue } from "../../tools/nvs/value.js";
import { good } from "./acme.js";
import { hasItsFields } from "./fields.js";
import { pattern } from "./nvs/vectors.js";
import { type Said, World } from "./world.js";

const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const WIFI = "correct horse battery";
/** The first 8 bytes of HMAC-SHA-256(PSK, "motekey/fingerprint"), by openssl. */
const FINGERPRINT = "7754373065b658a5";

describe("motekey device", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
    file("psk", `${PSK}\n`);
  });
  afterEach(() => world.end());

  const path = (name: string): string => join(world.folder, name);
  const file = (name: string, content: string | Uint8Array): void =>
    writeFileSync(path(name), content, { mode: 0o600 });
  const image = (more = "", input?: string): Promise<Said> =>
    world.line(
      `device image --id device_1 --psk-file psk --out nvs.bin ${more}`,
      input === undefined ? {} : { input },
    );
  const json = async (line: string): Promise<Record<string, unknown>> => {
    const answer = JSON.parse((await world.line(`${line} --json`)).stdout);
    hasItsFields(line, answer);
    return answer;
  };
  const partition = (name = "nvs.bin", keys: NvsKeys | null = null): Partition =>
    Partition.read(readFileSync(path(name)), keys);

  /** A partition as an app left it, with a credential of another key whose generation is higher. */
  async function used(): Promise<void> {
    file("other", "another key of before");
    good(await world.line("device image --id device_1 --psk-file other --counter 500 --out used.bin"));
    const before = partition("used.bin");
    before.set("wifi", "ssid", stringValue("factory"));
    before.set("wifi", "boots", numberValue("u32", 7n));
    before.set("motekey", "app-own", blobValue(pattern(300, 4)));
    before.set("motekey", "motekey-h0a", blobValue(pattern(30, 5)));
    file("used.bin", before.toBytes());
  }

  describe("image", () => {
    it("makes a partition with the credential in both slots, for its owner only, and tells what it is", async () => {
      const { stdout, stderr } = good(await image("--counter 1217"));
      assert.equal(statSync(path("nvs.bin")).mode & 0o777, 0o600);
      assert.equal(statSync(path("nvs.bin")).size, 0x6000);
      assert.match(
        stdout,
        /^Image {4}nvs\.bin, 0x6000 bytes, unsealed\nDevice {3}device_1\nKey {6}fingerprint [0-9a-f]{16}\n/,
      );
      assert.match(stdout, /Counter {2}begins above 1217/);
      assert.match(stderr, /Write all 0x6000 bytes/);
      const made = partition();
      const slots = ["motekey-creda", "motekey-credb"].map((key) => made.get("motekey", key));
      for (const slot of slots) assert.ok(slot?.type === "blob" && Buffer.from(slot.data).includes(PSK));
    });

    it("--json has its fields; --dry-run writes nothing", async () => {
      const answer = await json("device image --id device_1 --psk-file psk --out nvs.bin --dry-run");
      assert.deepEqual(Object.keys(answer), [
        ...[
          "file",
          "device",
          "key_fingerprint",
          "counter",
          "bytes",
          "encrypted",
          "sealing",
          "used",
          "usable",
          "replaced",
        ],
        ...["changes", "sha256", "written"],
      ]);
      assert.equal(answer.written, false);
      assert.equal(answer.key_fingerprint, FINGERPRINT);
      assert.throws(() => statSync(path("nvs.bin")), /ENOENT/);
    });

    it("the key is read from standard input with --psk-file -", async () => {
      good(await world.line("device image --id device_1 --psk-file - --out nvs.bin", { input: `${PSK}\n` }));
      assert.ok(readFileSync(path("nvs.bin")).includes(PSK));
    });

    it("--size in decimal or hex; below 0x3000 it is refused", async () => {
      for (const size of ["0x3000", "12288"]) {
        good(await image(`--size ${size} --force`));
        assert.equal(statSync(path("nvs.bin")).size, 0x3000);
      }
      assert.equal((await image("--size 0x2000 --force")).exit, 1);
      assert.equal((await image("--size many --force")).exit, 2);
    });

    it("--merge keeps every other key byte for byte, and no older record that could win", async () => {
      await used();
      const before = partition("used.bin");
      good(await image("--merge used.bin --counter 20"));
      const after = partition();
      for (const [namespace = "", key = ""] of [
        ["wifi", "ssid"],
        ["wifi", "boots"],
        ["motekey", "app-own"],
      ])
        assert.deepEqual(after.get(namespace, key), before.get(namespace, key));
      assert.equal(after.get("motekey", "motekey-h0a"), null);
      const bytes = readFileSync(path("nvs.bin"));
      assert.ok(!bytes.includes("another key of before"), "the old key is still in the image");
      const { values } = await json("device inspect nvs.bin");
      const records = (values as { key: string; record: { detail: string } | null }[]).filter(
        ({ record }) => record,
      );
      assert.deepEqual(
        records.map(({ key, record }) => `${key} ${record?.detail}`),
        [
          ...["motekey-creda", "motekey-credb"].map((key) => `${key} device_1, key ${FINGERPRINT}`),
          // The counter never goes back, whatever the cloud says.
          ...["motekey-ctra", "motekey-ctrb"].map((key) => `${key} up to 500`),
        ],
      );
    });

    it("the same credential again leaves what the device had kept for it", async () => {
      good(await image());
      const before = partition();
      before.set("motekey", "motekey-h0a", blobValue(pattern(30, 5)));
      file("used.bin", before.toBytes());
      const { stderr } = good(await image("--merge used.bin --force"));
      assert.doesNotMatch(stderr, /another credential/);
      assert.notEqual(partition().get("motekey", "motekey-h0a"), null);
    });

    it("--set and --settings write settings of the app's, of every type", async () => {
      file("settings", `# the line's Wi-Fi\nwifi.ssid=string:factory\nwifi.password=string:${WIFI}\n\n`);
      good(
        await image(
          "--set app.interval=u32:0x258 --set app.offset=i8:-5 --set app.key=hex:00ff --settings settings",
        ),
      );
      const made = partition();
      assert.deepEqual(made.get("app", "interval"), numberValue("u32", 600n));
      assert.deepEqual(made.get("app", "offset"), numberValue("i8", -5n));
      assert.deepEqual(made.get("app", "key"), blobValue(Buffer.from([0, 255])));
      assert.deepEqual(made.get("wifi", "password"), stringValue(WIFI));
    });

    it("--keys-file and --hmac-key-file encrypt it, as the keys partition or the chip's HMAC key say", async () => {
      const keys = new NvsKeys(pattern(64, 11));
      file("keys.bin", keys.toPartition());
      file("hmac.bin", pattern(32, 5));
      good(await image("--keys-file keys.bin"));
      assert.ok(!readFileSync(path("nvs.bin")).includes(PSK));
      assert.notEqual(partition("nvs.bin", keys).get("motekey", "motekey-creda"), null);
      good(await image("--hmac-key-file hmac.bin --force"));
      assert.notEqual(
        partition("nvs.bin", NvsKeys.ofHmacKey(pattern(32, 5))).get("motekey", "motekey-creda"),
        null,
      );
    });

    it("a file that is there is replaced with --force only, and its wider mode goes with it", async () => {
      file("nvs.bin", "");
      chmodSync(path("nvs.bin"), 0o644);
      const refused = await image();
      assert.equal(refused.exit, 2);
      assert.match(refused.stderr, /nvs\.bin is there already\. Give another name, or --force\./);
      good(await image("--force"));
      assert.equal(statSync(path("nvs.bin")).mode & 0o777, 0o600);
    });

    describe("refuses", () => {
      const refused = (
        name: string,
        exit: number,
        message: RegExp,
        more: string,
        before: () => void | Promise<void>,
      ) =>
        it(name, async () => {
          await before();
          const said = await image(more);
          assert.match(said.stderr, message);
          assert.equal(said.exit, exit);
          assert.equal(said.stdout, "");
          assert.throws(() => statSync(path("nvs.bin")), /ENOENT/);
        });
      const nothing = (): void => undefined;

      refused(
        "a partition that would be more than three quarters full, with the figure",
        1,
        /would be 78% full: 199 of 252 entries/,
        "--size 0x3000 --settings large",
        () => file("large", `app.data=string:${"x".repeat(2_800)}\napp.more=string:${"y".repeat(2_800)}\n`),
      );
      refused("an image below 0x3000", 1, /0x2000 bytes is too small/, "--size 0x2000", nothing);
      refused(
        "a plain image for an encrypted partition",
        1,
        /The partition is encrypted/,
        "--merge used.bin",
        async () => {
          await used();
          file("used.bin", partition("used.bin").toBytes(new NvsKeys(pattern(64, 11))));
        },
      );
      refused(
        "an encrypted image for a plain partition",
        1,
        /The partition is not encrypted, and keys were given/,
        "--merge used.bin --keys-file keys.bin",
        async () => {
          await used();
          file("keys.bin", new NvsKeys(pattern(64, 11)).toPartition());
        },
      );
      refused(
        "a damaged partition, with page, entry and why",
        1,
        /The partition is damaged: page 0, entry \d+: the CRC of the data of 'motekey-creda' does not fit/,
        "--merge used.bin",
        async () => {
          await used();
          const bytes = readFileSync(path("used.bin"));
          bytes[bytes.indexOf("another key of before")] = 0;
          file("used.bin", bytes);
        },
      );
      refused(
        "a key on the command line, and names the file and stdin way",
        2,
        /Give --psk-file FILE, or - for standard input\./,
        `--psk ${PSK}`,
        nothing,
      );
      refused(
        "a key file that others can read, as ssh does",
        1,
        /psk \(--psk-file\) is open to others: mode 644\. It holds a secret\. Run chmod 600 psk\./,
        "",
        () => chmodSync(path("psk"), 0o644),
      );
      refused(
        "a setting in motekey's own names",
        2,
        /'motekey-creda' is motekey's own/,
        "--set motekey.motekey-creda=u8:1",
        nothing,
      );
      refused("a setting that its type does not hold", 2, /256 is no u8/, "--set app.n=u8:256", nothing);
    });
  });

  describe("inspect", () => {
    it("prints a table: numbers as they are, records with fingerprints, and how full it is", async () => {
      await used();
      const { stdout } = good(await world.line("device inspect used.bin"));
      assert.match(stdout, /^NAMESPACE {2}KEY {12}TYPE {4}BYTES {2}VALUE\n/);
      assert.match(
        stdout,
        /motekey {4}motekey-creda {2}blob {4}\d+ {5}credential device_1, key [0-9a-f]{16}, generation 1\n/,
      );
      assert.match(stdout, /wifi {7}boots {10}u32 {5}4 {6}7\n/);
      assert.match(stdout, /0x6000 bytes, 6 pages, 5 free; \d+ of 630 entries used \(\d+%\)$/m);
    });

    it("names what is damaged, with page and entry, and exits with 1", async () => {
      await used();
      const bytes = readFileSync(path("used.bin"));
      bytes[bytes.indexOf("factory")] = 0;
      file("used.bin", bytes);
      const { exit, stdout } = await world.line("device inspect used.bin");
      assert.equal(exit, 1);
      assert.match(stdout, /^Damaged: page 0, entry \d+: the CRC of the data of 'ssid' does not fit$/m);
    });

    it("--against tells what was added, changed and removed", async () => {
      await used();
      good(await image("--merge used.bin --set app.new=u8:1"));
      const { stdout } = good(await world.line("device inspect nvs.bin --against used.bin"));
      assert.match(stdout, /^added {4}app\.new$/m);
      assert.match(stdout, /^changed {2}motekey\.motekey-creda$/m);
      assert.match(stdout, /^removed {2}motekey\.motekey-h0a$/m);
      assert.doesNotMatch(stdout, /wifi/);
    });

    it("opens an encrypted one with --keys or --hmac-key-file, and with no others", async () => {
      file("hmac.bin", pattern(32, 5));
      file("keys.bin", new NvsKeys(pattern(64, 11)).toPartition());
      good(await image("--keys-file keys.bin"));
      assert.match(
        good(await world.line("device inspect nvs.bin --keys-file keys.bin")).stdout,
        /0x6000 bytes, encrypted/,
      );
      const others = await world.line("device inspect nvs.bin --hmac-key-file hmac.bin");
      assert.match(others.stderr, /These are not the keys of the partition/);
      assert.equal((await world.line("device inspect nvs.bin")).exit, 1);
    });
  });

  it("keys come from files of their owner's alone, or standard input", async () => {
    const onLine = await image(`--psk ${PSK}`);
    assert.equal(onLine.exit, 2);
    assert.match(onLine.stderr, /Give --psk-file FILE, or - for standard input\./);
    for (const [name, flag] of [
      ["keys.bin", "--keys-file"],
      ["hmac.bin", "--hmac-key-file"],
      ["settings", "--settings"],
    ] as const) {
      file(name, pattern(64, 1));
      chmodSync(path(name), 0o640);
      const said = await image(`${flag} ${name}`);
      assert.match(said.stderr, new RegExp(`${name} \\(${flag}\\) is open to others: mode 640`));
    }
  });

  it("no output holds a key, a password or a token, in hex or base64 neither", async () => {
    file("settings", `wifi.password=string:${WIFI}\n`);
    const said = [
      await image("--settings settings"),
      await image("--settings settings --force --json"),
      await world.line("device inspect nvs.bin"),
      await world.line("device inspect nvs.bin --json"),
      await world.line("device inspect nvs.bin --against nvs.bin --json"),
      await image(`--psk ${PSK}`),
      await image("--set wifi.password=string"),
      await image("--merge psk"),
    ];
    const forms = [PSK, WIFI].flatMap((secret) => {
      const bytes = Buffer.from(secret);
      return [secret, bytes.toString("hex"), bytes.toString("base64").slice(0, -4)];
    });
    for (const { stdout, stderr } of said)
      for (const form of forms)
        assert.ok(!`${stdout}${stderr}`.includes(form), `${form} in ${stdout}${stderr}`);
  });
});
