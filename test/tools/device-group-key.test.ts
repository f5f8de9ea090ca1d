/** `--group-key-file`: devices' keys that are derived, so that a line needs no list of secrets. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { newIdentity } from "./age.js";
import { Line } from "./line.js";
import { needProgram } from "./process.js";

/** As Azure's documentation of device provisioning has them. */
const GROUP_KEY = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
const ID = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";
const PSK = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";
const FINGERPRINT = createHmac("sha256", PSK).update("motekey/fingerprint").digest("hex").slice(0, 16);

describe("a group key", () => {
  let line: Line;
  let identity: string;
  let recipient: string;
  before(async function () {
    needProgram(this, "age", "age");
    ({ identity, recipient } = newIdentity());
    line = await Line.open();
    line.file("group.key", `${GROUP_KEY}\n`);
    line.file("identity.txt", `# created\n${identity}\n`);
    for (const [name, words] of [
      ["group.age", []],
      ["armored.age", ["--armor"]],
    ] as const) {
      const { stdout } = spawnSync("age", [...words, "--recipient", recipient, line.path("group.key")]);
      line.file(name, stdout);
    }
    line.file("list.csv", `id\n${ID}\n`);
  });
  after(() => line?.close());

  it("from a file of its owner's alone, or one that an age identity opens", async () => {
    for (const [index, flags] of [
      "--group-key-file group.key",
      "--group-key-file group.age --identity-file identity.txt",
      "--group-key-file armored.age --identity-file identity.txt",
    ].entries()) {
      await line.json(`device batch list.csv --out lot${index} ${flags}`);
      assert.equal((await line.json(`device show ${ID}`)).key_fingerprint, FINGERPRINT);
    }
  });

  it("derives the key of 'device create' and of 'device image' too", async () => {
    const made = await line.json(`device create --id ${ID} --group-key-file group.key --out none.psk`);
    assert.deepEqual([made.key_fingerprint, made.created, made.psk_file], [FINGERPRINT, false, null]);
    const image = await line.json(`device image --id ${ID} --group-key-file group.key --out nvs.bin`);
    assert.equal(image.key_fingerprint, FINGERPRINT);
    await line.failed(
      `device image --id ${ID} --group-key-file group.key --psk-file group.key --out other.bin`,
      "usage",
      /--psk-file and --group-key-file both name the key/,
    );
    await line.failed(`device image --id ${ID} --out other.bin`, "usage", /Nothing names the key/);
  });

  it("on the command line, in a file that others can read, too short, or with the wrong identity is refused", async () => {
    const batch = "device batch list.csv --out none";
    await line.failed(`${batch} --group-key ${GROUP_KEY}`, "usage", /can be read by everybody/);
    line.file("open.key", GROUP_KEY, 0o640);
    await line.failed(`${batch} --group-key-file open.key`, "storage_unsafe", /is open to others: mode 640/);
    line.file("short.key", "c2hvcnQ=");
    await line.failed(`${batch} --group-key-file short.key`, "usage", /no base64 of 32 bytes or more/);
    await line.failed(`${batch} --group-key-file group.age`, "usage", /Give --identity-file/);
    line.file("other.txt", spawnSync("age-keygen").stdout);
    await line.failed(
      `${batch} --group-key-file group.age --identity-file other.txt`,
      "invalid_credentials",
      /The identity does not open/,
    );
    line.file("open.txt", identity, 0o644);
    await line.failed(
      `${batch} --group-key-file group.age --identity-file open.txt`,
      "storage_unsafe",
      /\(--identity-file\) is open to others/,
    );
    await line.failed(`${batch} --identity-file identity.txt`, "usage", /none is named/);
  });
});
