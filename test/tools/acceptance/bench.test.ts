/** The bench from an empty folder: processes as people start them, up to a device online, and to one that is barred. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { Status } from "../../../firmware/index.js";
import { stringValue, textOf } from "../../../tools/nvs/value.js";
import { needProgram } from "../process.js";
import { Bench } from "./bench.js";

describe("acceptance: the bench", () => {
  let bench: Bench;
  before(async function () {
    needProgram(this, "age", "age");
    bench = await Bench.open();
  });
  after(() => bench?.close());

  it("login, an authority, a device, its image: the firmware boots from it and gets a token", async () => {
    await bench.login();
    await bench.json("ca create --name Acme --recipients-file recipients.txt");
    const made = await bench.json("device create --id device_1");
    await bench.json(
      `device image --id device_1 --psk-file ${made.psk_file} --counter ${made.counter} --out nvs.bin`,
    );
    assert.equal(await bench.boot(bench.partition("nvs.bin")), Status.OK);
    const { cert_file } = await bench.json(
      "device create --id device_2 --cert rsa --identity-file identity.txt",
    );
    assert.match(readFileSync(bench.path(cert_file), "latin1"), /^-----BEGIN CERTIFICATE-----/);
  });

  it("a merge keeps what another app has in the partition, byte for byte", async () => {
    const before = bench.partition("nvs.bin");
    before.set("other-app", "name", stringValue("thermometer"));
    writeFileSync(bench.path("read.bin"), before.toBytes());
    const { counter } = await bench.json("device show device_1");
    const files = "--psk-file device_1.psk --merge read.bin --out merged.bin";
    await bench.json(`device image --id device_1 ${files} --counter ${counter}`);
    assert.equal(
      textOf(bench.partition("merged.bin").get("other-app", "name") ?? assert.fail()),
      "thermometer",
    );
    assert.equal(await bench.boot(bench.partition("merged.bin")), Status.OK);
  });

  it("a batch that is killed goes on, and its devices are let in; a revoked one is not", async () => {
    const ids = Array.from({ length: 300 }, (_, i) => `lot_${i}`);
    writeFileSync(bench.path("lot.csv"), `id\n${ids.join("\n")}\n`);
    const killed = await bench.run("device batch lot.csv --out lot", {
      started: (child) => {
        const look = setInterval(() => hasFile(bench.path("lot", "lot_20.bin")) && child.kill("SIGKILL"), 2);
        child.once("exit", () => clearInterval(look));
      },
    });
    assert.ok([-1, 0].includes(killed.exit), killed.stderr);
    const answer = await bench.json("device batch lot.csv --out lot");
    assert.deepEqual([answer.made + answer.before, answer.refused, answer.checked], [300, 0, 300]);
    assert.equal((await bench.json("device audit verify lot/batch.jsonl")).head, answer.log_head);
    assert.equal(await bench.boot(bench.partition("lot/lot_299.bin")), Status.OK);
    await bench.json("device revoke lot_7 --force");
    assert.notEqual(await bench.boot(bench.partition("lot/lot_7.bin")), Status.OK);
  });

  function hasFile(path: string): boolean {
    try {
      return readFileSync(path).length > 0;
    } catch {
      return false;
    }
  }
});
