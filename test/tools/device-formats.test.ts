/** `motekey device image --format …`: what Espruino's core reads up to a token, and certificates. */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Status } from "../../firmware/status.js";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import { type Cloud, startCloud } from "../../host-sim/index.js";
import { StorageStore } from "../../tools/device/provision.js";
import { StorageImage } from "../../tools/espruino/storage.js";
import { secureCertIn } from "../../tools/secure-cert/tlv.js";
import { Espruino, FLASH, findEspruino } from "../engines/espruino.js";
import { ended, leanSource, nodeNatives, startLean } from "../espruino/device.js";
import { good } from "./acme.js";
import { World } from "./world.js";

describe("motekey device image --format", function () {
  this.timeout(60_000);
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.end());

  const path = (name: string): string => join(world.folder, name);
  const refused = async (line: string, message: RegExp): Promise<void> => {
    const { exit, stderr } = await world.line(`device image ${line} --out x.bin`);
    assert.equal(exit, 2, stderr);
    assert.match(stderr, message);
  };

  describe("espruino", () => {
    let cloud: Cloud;
    let psk: string;
    before(async () => {
      cloud = await startCloud();
    });
    after(() => cloud.close());
    beforeEach(async () => {
      ({ psk } = await cloud.addDevice({ id: "device_1", counter: 1217 }));
      writeFileSync(path("psk"), psk, { mode: 0o600 });
    });

    const made = async (more = ""): Promise<StorageImage> => {
      good(
        await world.line(
          `device image --format espruino --id device_1 --psk-file psk --counter 1217 --out storage.bin --force ${more}`,
        ),
      );
      return StorageImage.read(readFileSync(path("storage.bin")));
    };
    /** The core over these files: what a token's request ends with. */
    const boot = async (image: StorageImage): Promise<Status> => {
      const auth = await startLean(
        { cloud: { host: "127.0.0.1", port: cloud.port }, allowInsecure: true },
        nodeNatives(new StorageStore(image)),
      );
      try {
        const { status, value } = await ended(
          auth.host("app.example.com").getToken.bind(auth.host("app.example.com")),
        );
        const check = cloud.checkToken(String(value?.token), "app.example.com");
        assert.equal(check.active && check.sub, "device_1");
        return status;
      } finally {
        auth.close();
      }
    };

    it("espruino has the credential in both files, beside what Storage held, to a token from the cloud", async () => {
      const before = new StorageImage(0xe0000);
      before.set("motekey.js", Buffer.from("exports.x = 1;"));
      before.set(".bootcde", Buffer.from("print('hello')"));
      before.set("motekey-h0a", Buffer.from("a token of another device"));
      writeFileSync(path("read.bin"), before.toBytes());
      const image = await made("--merge read.bin");
      assert.equal(statSync(path("storage.bin")).mode & 0o777, 0o600);
      assert.equal(statSync(path("storage.bin")).size, 0xe0000);
      for (const name of ["motekey.js", ".bootcde"]) assert.deepEqual(image.get(name), before.get(name));
      assert.equal(image.get("motekey-h0a"), null);
      assert.ok(!readFileSync(path("storage.bin")).includes("a token of another device"));
      const refusals = { ...cloud.stats.connectsRefused, ...cloud.stats.recoveries };
      assert.equal(await boot(image), Status.OK);
      assert.deepEqual({ ...cloud.stats.connectsRefused, ...cloud.stats.recoveries }, refusals);
      for (const lost of ["motekey-creda", "motekey-credb", "motekey-ctra", "motekey-ctrb"]) {
        const half = await made();
        assert.equal(half.delete(lost), true);
        assert.equal(await boot(half), Status.OK, lost);
      }
    });

    it("the engine itself boots from the image, lists its files, and gets a token", async function () {
      const program = findEspruino(this);
      await made("--size 0x40000");
      const script = `Modules.addCached("motekey", require("fs").readFileSync("motekey.js"));
        var auth = require("motekey").createAuth({
          cloud: { host: "127.0.0.1", port: ${cloud.port} }, allowInsecure: true });
        var files = require("Storage").list().join();
        auth.host("app.example.com").getToken(function (status, token) { tell(files + " " + token.token); });`;
      const espruino = await Espruino.start(program, script, {
        [FLASH]: readFileSync(path("storage.bin")),
        "motekey.js": await leanSource(),
      });
      try {
        const [files, token] = (await espruino.next()).split(" ");
        for (const name of ["motekey-creda", "motekey-credb", "motekey-ctra", "motekey-ctrb"])
          assert.ok(files?.split(",").includes(name), files);
        const check = cloud.checkToken(String(token), "app.example.com");
        assert.equal(check.active && check.sub, "device_1");
      } finally {
        await espruino.close();
      }
    });

    it("a flag that a format does not have is refused by its name", async () => {
      const line = "--format espruino --id device_1 --psk-file psk";
      await refused(`${line} --set app.x=u8:1`, /--format espruino has no --set/);
      await refused(`${line} --hmac-key-file psk`, /--format espruino has no --hmac-key-file/);
      await refused("--format espruino --id device_1", /Nothing names the key/);
      await refused(`${line} --cert-file psk`, /--format espruino has no --cert-file/);
    });
  });

  describe("esp-secure-cert", () => {
    for (const keyType of ["ec", "rsa"] as const) {
      it(`esp-secure-cert has the CA, the certificate and its key, as they were issued: ${keyType}`, async () => {
        const ca = await CertificateAuthority.create("factory CA", keyType);
        const { cert, key } = await ca.issue({ name: "device_1", keyType });
        writeFileSync(path("ca.pem"), ca.cert);
        writeFileSync(path("cert.pem"), cert);
        writeFileSync(path("key.pem"), key, { mode: 0o600 });
        const line =
          "device image --format esp-secure-cert --id device_1 --cloud-ca-file ca.pem --cert-file cert.pem --key-file key.pem";
        const { stdout, stderr } = good(await world.line(`${line} --out cert.bin`));
        assert.ok(!`${stdout}${stderr}`.includes(key.split("\n")[1] ?? "-"));
        assert.match(stdout, /^Image {4}cert\.bin, 0x2000 bytes$/m);
        const records = secureCertIn(readFileSync(path("cert.bin")));
        assert.deepEqual(
          records.map(({ type, value }) => [type, Buffer.from(value).toString().replace(/\s/g, "")]),
          [ca.cert, cert, key].map((pem, type) => [type, `${pem}\0`.replace(/\s/g, "")]),
        );
      });
    }

    it("a key of another certificate, another device's, and what is neither, is refused", async () => {
      const ca = await CertificateAuthority.create("a");
      const [one, two] = [await ca.issue({ name: "device_1" }), await ca.issue({ name: "device_2" })];
      const files = { "cert.pem": one.cert, "key.pem": two.key, "own.pem": one.key };
      for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text, { mode: 0o600 });
      const line = "--format esp-secure-cert --id device_1 --cert-file cert.pem --key-file";
      await refused(`${line} key.pem`, /The key is not that of the certificate/);
      await refused(`${line} cert.pem`, /holds no private key/);
      await refused(`${line.replace("device_1", "device_2")} own.pem`, /is not a certificate of device_2/);
      await refused(`${line} own.pem --merge key.pem`, /--format esp-secure-cert has no --merge/);
      await refused("--format esp-secure-cert --id device_1 --psk-file key.pem", /needs --cert-file/);
    });
  });
});
