/** `motekey device batch --cert`: each device of a list with a certificate of the project's authority. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { Partition } from "../../tools/nvs/partition.js";
import { newIdentity } from "./age.js";
import { killedBatch } from "./killed-batch.js";
import { Line } from "./line.js";
import { needProgram } from "./process.js";

const OPENS = "--identity-file identity.txt";

describe("motekey device batch --cert", function () {
  this.timeout(120_000);
  let line: Line;
  let lot = 0;
  before(async function () {
    needProgram(this, "age", "age");
    line = await Line.open();
    const { identity, recipient } = newIdentity();
    line.file("identity.txt", `${identity}\n`);
    await line.json(`ca create --name Acme --recipient ${recipient}`);
  });
  after(() => line?.close());

  const list = (count: number): string[] => {
    lot++;
    const ids = Array.from({ length: count }, (_, i) => `cert${lot}_${i}`);
    line.file("list.csv", `id\n${ids.join("\n")}\n`);
    return ids;
  };
  /** Key and certificate in an image, which belong together. */
  const certIn = (...names: string[]): X509Certificate => {
    const partition = Partition.read(line.read(...names));
    const value = (name: string): Buffer => Buffer.from(partition.get("motekey-tls", name)?.data ?? []);
    const cert = new X509Certificate(value("cert"));
    assert.ok(cert.checkPrivateKey(createPrivateKey({ key: value("key"), format: "der", type: "pkcs8" })));
    return cert;
  };
  const openssl = (...words: string[]) =>
    spawnSync("openssl", words, { cwd: line.world.folder, encoding: "utf8" });
  /** What `openssl verify` says of a certificate, with the authority's list of what was revoked. */
  const verified = (cert: X509Certificate): string => {
    line.file("one.pem", cert.toString());
    const words = ["-x509_strict", "-purpose", "sslclient", "-crl_check", "-CRLfile", "ca/ca.crl.pem"];
    const { stdout, stderr } = openssl("verify", ...words, "-CAfile", "ca/ca.pem", "one.pem");
    return `${stdout}${stderr}`;
  };
  /** The good certificates of a device in the authority's ledger. */
  const goodOf = async (id: string): Promise<string[]> => {
    const { certificates } = await line.json("ca show");
    return certificates
      .filter(({ device }: { device: string }) => device === id)
      .map(({ fingerprint }: { fingerprint: string }) => fingerprint);
  };

  for (const type of ["ec", "rsa", "ed25519"])
    it(`${type}: key and certificate are in each image, openssl verifies it, and the cloud takes it alone`, async () => {
      const ids = list(2);
      const answer = await line.json(`device batch list.csv --out ${type} --cert ${type} ${OPENS}`);
      assert.deepEqual([answer.made, answer.refused, answer.left, answer.checked], [2, 0, 0, 2]);
      for (const id of ids) {
        const cert = certIn(type, `${id}.bin`);
        assert.equal(cert.subject, `CN=${id}`);
        assert.match(verified(cert), /one\.pem: OK/);
        assert.equal((await line.json(`device show ${id}`)).cert_fingerprint, cert.fingerprint256);
        assert.deepEqual(await goodOf(id), [cert.fingerprint256]);
      }
      assert.ok(!existsSync(line.path(type, "batch.seed")));
    });

  it("--csr-folder signs the requests of the devices, whose keys never leave them; one that is missing is refused before anything is signed", async () => {
    const [first = "", second = ""] = list(2);
    mkdirSync(line.path("requests"), { recursive: true });
    const request = (id: string): void => {
      const words = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "device.key",
      ];
      openssl("req", "-new", ...words, "-subj", "/CN=other", "-out", `requests/${id}.csr`);
    };
    request(first);
    const batch = `device batch list.csv --out requested --csr-folder requests ${OPENS}`;
    await line.failed(batch, "usage", new RegExp(`${second}\\.csr`));
    assert.deepEqual(await goodOf(first), []);
    request(second);
    const answer = await line.json(batch);
    assert.deepEqual([answer.made, answer.checked], [2, 2]);
    for (const id of [first, second]) {
      const cert = new X509Certificate(line.read("requested", `${id}.crt`));
      assert.equal(cert.subject, `CN=${id}`);
      assert.match(verified(cert), /one\.pem: OK/);
    }
  });

  it("killed at any moment and started again: one certificate for each device, and what a cut left signed is revoked", async () => {
    const ids = list(120);
    const bench = await line.bench();
    await killedBatch(bench, ids, { kills: 3, more: `--cert ec ${OPENS}` });
    const { certificates } = await line.json("ca show");
    const good = certificates.filter(({ device }: { device: string }) => ids.includes(device));
    assert.equal(good.length, ids.length);
    for (const id of ids.slice(0, 3)) assert.match(verified(certIn("killed", `${id}.bin`)), /one\.pem: OK/);
  });

  it("an image that was lost is made again with another key: the certificate before is on the list of revoked ones", async () => {
    const [id = "", other = ""] = list(2);
    const batch = `device batch list.csv --out lost --cert ec ${OPENS}`;
    await line.json(batch);
    const before = certIn("lost", `${id}.bin`);
    const kept = certIn("lost", `${other}.bin`);
    // As a run leaves it that was killed before its last line.
    const text = line.read("lost", "batch.jsonl").toString();
    line.file("lost/batch.jsonl", text.split("\n").slice(0, -2).join("\n"));
    appendFileSync(line.path("lost", "batch.jsonl"), "\n");
    rmSync(line.path("lost", `${id}.bin`));
    const answer = await line.json(batch);
    assert.deepEqual([answer.before, answer.checked], [2, 2]);
    const after = certIn("lost", `${id}.bin`);
    assert.notEqual(after.fingerprint256, before.fingerprint256);
    assert.match(verified(before), /certificate revoked/);
    assert.match(verified(after), /one\.pem: OK/);
    assert.equal(certIn("lost", `${other}.bin`).fingerprint256, kept.fingerprint256);
    assert.equal((await line.json(`device show ${id}`)).cert_fingerprint, after.fingerprint256);
  });

  it("an id that is another device's is refused with its line, and nothing is signed for it", async () => {
    const [first = "", second = ""] = list(2);
    await line.cloud.addDevice({ id: first });
    const said = await line.world.line(`device batch list.csv --out taken --cert ec ${OPENS} --json`);
    assert.equal(said.exit, 1);
    assert.match(said.stderr, new RegExp(`line 2: the cloud refuses ${first}: .*is taken`));
    assert.deepEqual([JSON.parse(said.stdout).made, await goodOf(first)], [1, []]);
    assert.equal((await goodOf(second)).length, 1);
  });

  it("--ca, --passphrase-file, --profile and --cloud-ca-file are those of 'device create' and 'device image'", async () => {
    const [id = ""] = list(1);
    line.file("phrase", "correct horse battery staple\n");
    await line.json("ca create --ca second --name Second --passphrase-file phrase");
    const flags = "--ca second --passphrase-file phrase --profile short --cloud-ca-file ca/ca.pem";
    await line.json(`device batch list.csv --out flags --cert rsa ${flags}`);
    const cert = certIn("flags", `${id}.bin`);
    assert.ok(cert.checkIssued(new X509Certificate(line.read("second", "ca.pem"))));
    const days = (Date.parse(cert.validTo) - Date.now()) / 86_400_000;
    assert.ok(days > 6 && days <= 7, `${days}`);
    const ca = Partition.read(line.read("flags", `${id}.bin`)).get("motekey-tls", "ca")?.data;
    assert.deepEqual(Buffer.from(ca ?? []), new X509Certificate(line.read("ca", "ca.pem")).raw);
  });

  it("labels have the certificate's fingerprint, and no secret; flags that do not go together are refused", async () => {
    list(1);
    await line.json(`device batch list.csv --out labelled --cert ec --profile short ${OPENS}`);
    await line.json("device label labelled --dry-run");
    await line.failed("device label labelled --with-secret", "partition_unfit", /holds no shared key/);
    const batch = "device batch list.csv --out none";
    await line.failed(`${batch} --profile short`, "usage", /--profile is for certificates/);
    await line.failed(`${batch} --cert ec --jobs 1`, "usage", /--jobs writes shared keys/);
    await line.failed(`${batch} --cert ec --csr-folder requests`, "usage", /three kinds of device/);
    await line.failed(`${batch} --cert dsa ${OPENS}`, "usage", /It is ec, rsa or ed25519/);
    assert.ok(!existsSync(line.path("none")));
  });
});
