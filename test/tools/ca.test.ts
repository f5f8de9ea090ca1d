/** `motekey ca` and `device create --cert`: what the project's authority signs, judged by openssl, mosquitto and the cloud. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { createAuth, readCredential, Status } from "../../firmware/index.js";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import { nodePorts, startCloud, TlsLink } from "../../host-sim/index.js";
import { PartitionStore } from "../../tools/device/provision.js";
import { Partition } from "../../tools/nvs/partition.js";
import { findMosquitto, startSampleMosquitto } from "../servers/mosquitto.js";
import { good } from "./acme.js";
import { newIdentity } from "./age.js";
import { Line } from "./line.js";
import { needProgram } from "./process.js";

describe("motekey ca", () => {
  let line: Line;
  let identity: string;
  let registry: string;
  const OPENS = "--identity-file identity.txt";
  before(async function () {
    needProgram(this, "age", "age");
    needProgram(this, "openssl", "openssl");
    registry = mkdtempSync(join(tmpdir(), "motekey-registry-"));
    line = await Line.open({ registryFile: join(registry, "devices.json") });
    const made = newIdentity();
    identity = made.identity;
    line.file("identity.txt", identity);
    line.file("recipients.txt", `${made.recipient}\n`);
    const answer = await line.json("ca create --name Acme+1,O=x --recipients-file recipients.txt");
    assert.deepEqual([answer.key_type, answer.signed, answer.done], ["ec", 0, true]);
  });
  after(async () => {
    await line?.close();
    rmSync(registry, { recursive: true, force: true });
  });

  const openssl = (...words: string[]): string => {
    const { stdout, stderr, status } = spawnSync("openssl", words, { cwd: line.world.folder });
    assert.equal(status, 0, `openssl ${words.join(" ")}: ${stderr}`);
    return `${stdout}${stderr}`;
  };
  const request = (name: string, key: readonly string[], subject = "/CN=whoever+O=else"): string => {
    openssl("genpkey", ...key, "-out", `${name}.key`);
    openssl("req", "-new", "-key", `${name}.key`, "-subj", subject, "-out", `${name}.csr`);
    return `${name}.csr`;
  };
  const EC = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const verified = (cert: string, ca = "ca"): void => {
    const words = ["-x509_strict", "-purpose", "sslclient", "-crl_check", "-CRLfile", `${ca}/ca.crl.pem`];
    openssl("verify", ...words, "-CAfile", `${ca}/ca.pem`, cert);
  };

  it("create makes a CA whose name is what was given, and whose key only age opens, for its owner alone", () => {
    const cert = new X509Certificate(line.read("ca", "ca.pem"));
    assert.match(
      openssl("x509", "-in", "ca/ca.pem", "-noout", "-subject", "-nameopt", "multiline"),
      /= Acme\+1,O=x$/m,
    );
    assert.equal(cert.ca, true);
    for (const name of ["ca.key.age", "ledger.jsonl"]) assert.equal(line.mode("ca", name), 0o600);
    assert.ok(!line.read("ca", "ca.key.age").includes("PRIVATE KEY"));
    const { stdout } = spawnSync("age", [
      "-d",
      "-i",
      line.path("identity.txt"),
      line.path("ca", "ca.key.age"),
    ]);
    assert.match(`${stdout}`, /^-----BEGIN PRIVATE KEY-----/);
    assert.match(
      openssl("crl", "-in", "ca/ca.crl.pem", "-CAfile", "ca/ca.pem", "-noout", "-verify"),
      /verify OK/,
    );
  });

  it("create --dry-run makes nothing", async () => {
    const planned = await line.json(
      "ca create --ca none --name None --recipients-file recipients.txt --dry-run",
    );
    assert.equal(planned.done, false);
    assert.ok(!existsSync(line.path("none")));
    const said = await line.world.line("ca create --name Again --recipients-file recipients.txt");
    assert.match(said.stderr, /ca\.key\.age is there already/);
  });

  it("create with a passphrase, which age opens too; a short one and a wrong one are refused", async () => {
    line.file("short.txt", "too short");
    line.file("long.txt", "correct horse battery staple");
    line.file("wrong.txt", "wrong horse battery staple");
    const create = "ca create --ca other --name Other --passphrase-file";
    await line.failed(`${create} short.txt`, "usage", /fewer than 12 characters/);
    await line.json(`${create} long.txt --key-type rsa`);
    request("other", EC);
    const sign = "ca sign --ca other --csr other.csr --id other";
    await line.failed(
      `${sign} --passphrase-file wrong.txt`,
      "invalid_credentials",
      /does not open the CA's key/,
    );
    await line.failed(sign, "needs_terminal", /Give --passphrase-file/);
    await line.json(`${sign} --passphrase-file long.txt`);
    verified("other.crt", "other");
    // age asks its terminal, and nothing else, for a passphrase.
    const words = ["-qec", `age -d ${line.path("other", "ca.key.age")}`, "/dev/null"];
    const { stdout } = spawnSync("script", words, { input: "correct horse battery staple\n" });
    assert.match(`${stdout}`, /-----BEGIN PRIVATE KEY-----/);
  });

  for (const [name, key] of [
    ["ec", EC],
    ["rsa", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]],
    ["ed25519", ["-algorithm", "ED25519"]],
  ] as const)
    it(`sign takes the key of a request and nothing else, and openssl verifies it: ${name}`, async () => {
      const answer = await line.json(
        `ca sign --csr ${request(name, key)} --id device_${name} ${OPENS} --out ${name}.crt`,
      );
      const cert = new X509Certificate(line.read(`${name}.crt`));
      assert.deepEqual([cert.subject, cert.ca], [`CN=device_${name}`, false]);
      assert.equal(cert.fingerprint256, answer.fingerprint);
      assert.deepEqual(cert.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
      const days = (Date.parse(answer.not_after) - Date.now()) / 86_400_000;
      assert.ok(days > 89 && days <= 90, `${days}`);
      verified(`${name}.crt`);
    });

  it("sign --profile short is for a week; a renewal is in the ledger as one; show lists what is good", async () => {
    const csr = request("renewed", EC);
    const sign = `ca sign --csr ${csr} --id renewed ${OPENS}`;
    const first = await line.json(`${sign} --profile short`);
    assert.ok(Date.parse(first.not_after) - Date.now() < 7.01 * 86_400_000);
    await line.failed(sign, "usage", /renewed\.crt is there already/);
    const second = await line.json(`${sign} --force`);
    assert.notEqual(first.serial, second.serial);
    const shown = await line.json("ca show");
    const its = shown.certificates.filter(({ device }: { device: string }) => device === "renewed");
    assert.ok(its.length >= 2);
    assert.match(`${line.read("ca", "ledger.jsonl")}`, /"did":"renewed","device":"renewed"/);
    assert.equal((await line.json("device audit verify ca/ledger.jsonl")).intact, true);
    await line.failed(`${sign} --force --profile ages`, "usage", /There is no profile 'ages'/);
  });

  it("sign refuses weak keys, requests that prove nothing, and ids that are no names; --dry-run signs nothing", async () => {
    const sign = (csr: string, id = "device_1") => `ca sign --csr ${csr} --id ${id} ${OPENS} --out none.crt`;
    const weak = request("weak", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
    await line.failed(sign(weak), "usage", /The request's key is not taken: rsa 1024/);
    const der = Buffer.from(
      line
        .read(request("forged", EC))
        .toString()
        .replace(/-----[^-]+-----|\s/g, ""),
      "base64",
    );
    der[der.length - 1] = (der[der.length - 1] as number) ^ 1;
    line.file("forged.csr", der);
    await line.failed(sign("forged.csr"), "usage", /is not signed by its own key|no certificate request/);
    line.file("nonsense.csr", "nonsense");
    await line.failed(sign("nonsense.csr"), "usage", /is no certificate request/);
    for (const id of ["a+1", "a,CN=b", "a".repeat(65)])
      await line.failed(sign(request("names", EC), id), "usage", /no device's id/);
    const before = line.read("ca", "ledger.jsonl");
    assert.equal((await line.json(`${sign("names.csr")} --dry-run`)).done, false);
    assert.deepEqual(line.read("ca", "ledger.jsonl"), before);
    assert.ok(!existsSync(line.path("none.crt")));
  });

  it("a key that others can read is refused, and one of another CA", async () => {
    const sign = `ca sign --csr ${request("loose", EC)} --id loose ${OPENS}`;
    chmodSync(line.path("ca", "ca.key.age"), 0o644);
    await line.failed(sign, "storage_unsafe", /ca\.key\.age \(the CA's key\) is open to others: mode 644/);
    chmodSync(line.path("ca", "ca.key.age"), 0o600);
    await line.failed(sign.replace(OPENS, ""), "usage", /What the CA's key names is sealed|is sealed/);
  });

  it("revoke takes back, and mosquitto lets nobody in whom the list names; crl makes it anew", async function () {
    const program = findMosquitto(this);
    for (const id of ["kept", "lost"])
      good(await line.world.line(`ca sign --csr ${request(id, EC)} --id ${id} ${OPENS}`));
    const planned = await line.json(`ca revoke lost ${OPENS} --dry-run`);
    assert.deepEqual([planned.revoked.length, planned.done], [1, false]);
    verified("lost.crt");
    const { revoked } = await line.json(`ca revoke lost ${OPENS}`);
    assert.equal(revoked[0], new X509Certificate(line.read("lost.crt")).serialNumber);
    await line.failed(`ca revoke lost ${OPENS}`, "device_unknown", /No certificate of 'lost' is good/);
    await line.json(`ca crl ${OPENS}`);
    verified("kept.crt");
    const server = await (await CertificateAuthority.create("servers")).issue({
      name: "broker",
      hosts: ["127.0.0.1"],
    });
    const broker = await startSampleMosquitto(program, "certificates", {
      server,
      ca: `${line.read("ca", "ca.pem")}`,
      crl: `${line.read("ca", "ca.crl.pem")}`,
    });
    try {
      assert.equal(await connack(broker.port, "kept"), 0);
      assert.equal(await connack(broker.port, "lost"), null);
    } finally {
      await broker.close();
    }
  });

  /** What mosquitto answers to a CONNECT over TLS with this certificate: CONNACK's code; null: it ended the connection. */
  async function connack(port: number, id: string): Promise<number | null> {
    const socket = connect({
      host: "127.0.0.1",
      port,
      cert: line.read(`${id}.crt`),
      key: line.read(`${id}.key`),
      rejectUnauthorized: false,
    });
    const name = Buffer.from(id);
    const head = Buffer.from([
      0x10,
      12 + name.length,
      0,
      4,
      0x4d,
      0x51,
      0x54,
      0x54,
      4,
      2,
      0,
      60,
      0,
      name.length,
    ]);
    socket.on("error", () => undefined).write(Buffer.concat([head, name]));
    const answer = once(socket, "data").then(([bytes]) => bytes[3] as number);
    const ended = once(socket, "close").then(() => null);
    try {
      return await Promise.race([answer, ended]).catch(() => null);
    } finally {
      socket.destroy();
    }
  }

  it("device create --cert: an image with the certificate boots to mutual TLS, and the next one is taken after --certify", async () => {
    for (const type of ["ec", "rsa", "ed25519"]) {
      const create = `device create --id tls_${type} --cert ${type} ${OPENS}`;
      const made = await line.json(create);
      assert.deepEqual(
        [made.created, made.cert_file, made.key_file],
        [true, `tls_${type}.crt`, `tls_${type}.key`],
      );
      assert.equal(line.mode(made.key_file), 0o600);
      verified(made.cert_file);
      const again = await line.json(create);
      assert.deepEqual([again.created, again.cert_fingerprint], [false, made.cert_fingerprint]);
    }
    const requested = await line.json(`device create --id tls_csr --csr ${request("csr", EC)} ${OPENS}`);
    assert.deepEqual([requested.created, requested.key_file], [true, null]);
    const server = await CertificateAuthority.create("the cloud's CA");
    line.file("cloud.pem", server.cert);
    const image = (id: string, out: string) =>
      line.json(
        `device image --id ${id} --cert-file ${id}.crt --key-file ${id}.key --cloud-ca-file cloud.pem --out ${out}`,
      );
    for (const type of ["ec", "rsa"])
      assert.equal((await image(`tls_${type}`, `${type}.bin`)).key_fingerprint, null);
    await line.failed(
      "device image --id tls_ec --cert-file tls_rsa.crt --key-file tls_rsa.key --out none.bin",
      "usage",
      /is not a certificate of tls_ec/,
    );
    await line.failed(
      "device image --id tls_ec --cert-file tls_ec.crt --key-file tls_rsa.key --out none.bin",
      "usage",
      /The key is not that of the certificate/,
    );
    // The next certificate, for the same key: the cloud takes it from now on, and the one in the image no more.
    openssl("req", "-new", "-key", "tls_rsa.key", "-subj", "/CN=x", "-out", "next.csr");
    const next = await line.json(`ca sign --csr next.csr --id tls_rsa ${OPENS} --force --certify`);
    assert.equal(next.certified, true);
    const shown = await line.json("device show tls_rsa");
    assert.equal(shown.cert_fingerprint, next.fingerprint);
    assert.match(JSON.stringify(shown.history), /"did":"certified","by":"ann/);
    assert.equal((await image("tls_rsa", "next.bin")).changes.length > 0, true);
    await line.cloud.close();
    const { cert, key } = await server.issue({ name: "cloud", hosts: ["127.0.0.1"] });
    const cloud = await startCloud({
      registryFile: join(registry, "devices.json"),
      tls: { cert, key, ca: `${line.read("ca", "ca.pem")}`, clientCertificates: "required" },
    });
    try {
      assert.equal(await boot("ec.bin", cloud.port), Status.OK);
      assert.equal(await boot("next.bin", cloud.port), Status.OK);
      assert.notEqual(await boot("rsa.bin", cloud.port), Status.OK);
    } finally {
      await cloud.close();
    }
  });

  /** Boots the firmware from an image, with what it has for TLS; the status of its first call for a token. */
  async function boot(file: string, port: number): Promise<Status> {
    const partition = Partition.read(line.read(file));
    const pem = (name: string, label: string): string => {
      const der = Buffer.from(partition.get("motekey-tls", name)?.data ?? assert.fail(name));
      return `-----BEGIN ${label}-----\n${der.toString("base64")}\n-----END ${label}-----\n`;
    };
    const store = new PartitionStore(partition);
    const { credential } = readCredential(store);
    assert.deepEqual([credential?.certificate, credential?.key], ["motekey-tls/cert", "motekey-tls/key"]);
    const link = new TlsLink({
      ca: pem("ca", "CERTIFICATE"),
      cert: pem("cert", "CERTIFICATE"),
      key: pem("key", "PRIVATE KEY"),
    });
    const auth = createAuth({ cloud: { host: "127.0.0.1", port } }, { ...nodePorts(), link, store });
    try {
      return await new Promise((resolve) =>
        auth.host("app.example.com").getToken((status) => resolve(status)),
      );
    } finally {
      auth.close();
    }
  }
});
