/** `motekey device create`, `list`, `show`, `rotate` and `revoke`, at a cloud with its identity provider. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { RotationStage } from "../../firmware/rotation.js";
import { type Cloud, simulateDevice, startCloud } from "../../host-sim/index.js";
import { FAILURES, type FailureCode } from "../../tools/cli/failure.js";
import { until } from "../until.js";
import { ANN, good } from "./acme.js";
import { hasItsFields } from "./fields.js";
import { benchBoard } from "./loader/bench-board.js";
import { FakePorts } from "./loader/board.js";
import { World } from "./world.js";

const memberships = (role: "admin" | "developer" | "viewer") => [{ organization: "Acme Corp", role }];

describe("motekey device, with the cloud", () => {
  let cloud: Cloud;
  let world: World;
  before(async () => {
    cloud = await startCloud({
      identity: {
        users: [
          { ...ANN, memberships: memberships("developer") },
          { username: "vic", password: "canary-viewer", memberships: memberships("viewer") },
        ],
      },
    });
  });
  after(() => cloud.close());
  beforeEach(async () => {
    world = new World();
    world.env.MOTEKEY_CLOUD = cloud.httpUrl;
    await logIn();
  });
  afterEach(() => world.end());

  const logIn = async (username = "ann", password: string = ANN.password, more = ""): Promise<void> => {
    const issuer = cloud.identity?.issuer;
    good(
      await world.line(`auth login --issuer ${issuer} --username ${username} ${more}`, { input: password }),
    );
  };
  const path = (name: string): string => join(world.folder, name);
  const json = async (line: string) => {
    const answer = JSON.parse(good(await world.line(`${line} --json`)).stdout);
    hasItsFields(line, answer);
    return answer;
  };
  const failed = async (line: string, code: FailureCode, message: RegExp): Promise<void> => {
    const { exit, stdout, stderr } = await world.line(`${line} --json`);
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string; next: string } };
    assert.equal(error.code, code, stderr);
    assert.match(`${error.message} ${error.next}`, message);
    assert.equal(exit, FAILURES[code].exit);
    assert.equal(stdout, "");
  };

  it("create makes a key in a file of its owner's alone, and the device is let in with it", async () => {
    const answer = await json("device create --id device_1");
    assert.deepEqual(Object.keys(answer), [
      ...[
        "id",
        "state",
        "key_fingerprint",
        "next_key_fingerprint",
        "cert_fingerprint",
        "counter",
        "history",
        "created",
        "psk_file",
        "cert_file",
        "key_file",
        "done",
      ],
    ]);
    assert.equal(answer.created, true);
    assert.equal(statSync(path("device_1.psk")).mode & 0o777, 0o600);
    const psk = readFileSync(path("device_1.psk"), "utf8").trim();
    assert.equal(Buffer.from(psk, "base64url").length, 32);
    const device = simulateDevice({ cloud, id: "device_1", psk });
    try {
      const { token } = await device.host("app.example.com").getToken();
      assert.equal(cloud.checkToken(token, "app.example.com").active, true);
    } finally {
      device.close();
    }
    assert.match(good(await world.line("device list")).stdout, /^device_1 +active +[0-9a-f]{16} +\d+$/m);
  });

  it("create again, after any cut, is the same device with the same key", async () => {
    const first = await json("device create --id device_2 --out key");
    const psk = readFileSync(path("key"));
    const again = await json("device create --id device_2 --out key");
    assert.equal(again.created, false);
    assert.equal(again.key_fingerprint, first.key_fingerprint);
    assert.deepEqual(readFileSync(path("key")), psk);
    // As if the run had died when the key was written, and the cloud knew nothing of it.
    writeFileSync(path("cut"), "a-key-that-was-written-before-the-cut\n", { mode: 0o600 });
    assert.equal((await json("device create --id device_3 --out cut")).created, true);
    assert.equal(readFileSync(path("cut"), "utf8"), "a-key-that-was-written-before-the-cut\n");
  });

  it("create without --id makes one, and --dry-run registers nothing and writes nothing", async () => {
    const made = await json("device create");
    assert.match(made.id, /^device_[0-9a-f]{16}$/);
    assert.ok(existsSync(path(`${made.id}.psk`)));
    const planned = await json("device create --id device_4 --dry-run");
    assert.equal(planned.done, false);
    assert.ok(!existsSync(path("device_4.psk")));
    await failed("device show device_4", "device_unknown", /There is no device "device_4"/);
  });

  it("show has the counter, the key's fingerprint, and who did what", async () => {
    await json("device create --id device_5 --out key");
    good(await world.line("device revoke device_5 --force"));
    const { stdout } = good(await world.line("device show device_5"));
    assert.match(
      stdout,
      /^Device {3}device_5\nState {4}revoked\nKey {6}fingerprint [0-9a-f]{16}\nCounter {2}0\n/,
    );
    assert.match(stdout, /^Created {2}20\d\d-\S+Z by ann\nRevoked {2}20\d\d-\S+Z by ann$/m);
    assert.deepEqual(Object.keys(await json("device show device_5")), [
      ...["id", "state", "key_fingerprint", "next_key_fingerprint", "cert_fingerprint", "counter", "history"],
    ]);
  });

  it("flash asks the cloud for the counter and the key's fingerprint, and refuses another key and a revoked device", async () => {
    await json("device create --id device_11 --out key");
    const psk = readFileSync(path("key"), "utf8").trim();
    const device = simulateDevice({ cloud, id: "device_11", psk });
    await device.host("app.example.com").getToken();
    device.close();
    const { counter } = await json("device show device_11");
    assert.ok(counter > 0);
    const board = benchBoard();
    const ports = new FakePorts().add({ path: "/dev/ttyUSB0", usb: null }, board);
    const line = "device flash --id device_11 --psk-file key";
    const { stdout } = good(await world.line(line, { ports }));
    assert.match(stdout, new RegExp(`^Counter {2}begins above ${counter}$`, "m"));
    writeFileSync(path("other"), "of-some-other-device\n", { mode: 0o600 });
    const wrong = await world.line("device flash --id device_11 --psk-file other", { ports });
    assert.match(wrong.stderr, /The cloud has another key of device_11/);
    good(await world.line("device revoke device_11 --force"));
    assert.match((await world.line(line, { ports })).stderr, /device_11 was revoked/);
  });

  it("list has every device, over many pages too", async () => {
    for (let i = 0; i < 1_100; i++) void cloud.addDevice({ id: `many_${i}`, psk: "a key of some length" });
    await cloud.addDevice({ id: "many_last" });
    const ids = (await json("device list")).map(({ id }: { id: string }) => id);
    assert.equal(ids.filter((id: string) => id.startsWith("many_")).length, 1_101);
    assert.deepEqual(ids, [...ids].sort());
    assert.equal(new Set(ids).size, ids.length);
  });

  it("revoke ends connection and tokens, and the device is refused from then on", async () => {
    await json("device create --id device_6 --out key");
    const psk = readFileSync(path("key"), "utf8").trim();
    const device = simulateDevice({ cloud, id: "device_6", psk });
    try {
      const { token } = await device.host("app.example.com").getToken();
      const gone = cloud.next("disconnected", ({ id }) => id === "device_6");
      const told = cloud.next("device-revoked", ({ id, by }) => id === "device_6" && by === "ann");
      assert.equal((await json("device revoke device_6 --dry-run")).revoked, false);
      const asked = await world.line("device revoke device_6");
      assert.match(asked.stderr, /there is no terminal to ask on. Give --force\./);
      assert.equal((await json("device revoke device_6 --force")).revoked, true);
      await Promise.all([gone, told]);
      assert.equal(cloud.checkToken(token, "app.example.com").active, false);
      await cloud.next("connect-refused", ({ id }) => id === "device_6");
    } finally {
      device.close();
    }
    assert.equal((await json("device revoke device_6 --force")).revoked, false);
    await failed(
      "device create --id device_6 --out key",
      "device_exists",
      /was revoked; a new device needs a new id/,
    );
  });

  it("rotate makes a next key, which the running device fetches, proves, and goes on with", async () => {
    const { key_fingerprint } = await json("device create --id device_12 --out key");
    const psk = readFileSync(path("key"), "utf8").trim();
    const device = simulateDevice({ cloud, id: "device_12", psk, store: path("flash"), rotation: true });
    const host = device.host("app.example.com");
    try {
      await host.getToken();
      assert.equal((await json("device rotate device_12 --dry-run")).changed, false);
      const begun = await json("device rotate device_12");
      assert.equal(begun.changed, true);
      assert.equal(begun.key_fingerprint, key_fingerprint);
      assert.match(begun.next_key_fingerprint, /^[0-9a-f]{16}$/);
      const again = await json("device rotate device_12");
      assert.deepEqual([again.changed, again.next_key_fingerprint], [false, begun.next_key_fingerprint]);
      const { stdout } = good(await world.line("device show device_12"));
      assert.match(stdout, new RegExp(`^Next +fingerprint ${begun.next_key_fingerprint}$`, "m"));
      const rotated = cloud.next("rotated");
      await host.generateToken();
      await rotated;
      await until("the device has written it", () => device.rotation?.stage === RotationStage.NONE);
      const { token } = await host.generateToken();
      assert.equal(cloud.checkToken(token, "app.example.com").active, true);
    } finally {
      device.close();
    }
    const shown = await json("device show device_12");
    assert.notEqual(shown.key_fingerprint, key_fingerprint);
    assert.equal(shown.next_key_fingerprint, null);
    assert.deepEqual(
      shown.history.map(({ did, by }: { did: string; by: string }) => `${did} by ${by}`),
      ["created by ann", "rotation-begun by ann", "rotated by device_12"],
    );
    assert.match(
      good(await world.line("device show device_12")).stdout,
      /^Rotation begun {2}20\d\d-\S+Z by ann\nRotated {9}20\d\d-\S+Z by device_12$/m,
    );
    const refused = cloud.next("connect-refused", ({ id }) => id === "device_12");
    const old = simulateDevice({ cloud, id: "device_12", psk });
    await refused;
    old.close();
  });

  it("rotate --cancel takes it back: the device keeps its key", async () => {
    const { key_fingerprint } = await json("device create --id device_13 --out key");
    assert.match(
      good(await world.line("device rotate device_13 --cancel")).stdout,
      /There is no next key of device_13/,
    );
    await json("device rotate device_13");
    assert.equal((await json("device rotate device_13 --cancel --dry-run")).changed, false);
    const cancelled = await json("device rotate device_13 --cancel");
    assert.deepEqual(
      [cancelled.changed, cancelled.next_key_fingerprint, cancelled.key_fingerprint],
      [true, null, key_fingerprint],
    );
    assert.equal(cancelled.history.at(-1).did, "rotation-cancelled");
  });

  it("/v1/Device.Rotate takes a device that there is, and cancel as true or false", async () => {
    await json("device create --id device_14 --out key");
    const token = good(await world.line("auth token")).stdout.trim();
    const asked = async (args: object) => {
      const response = await fetch(`${cloud.httpUrl}/rpc`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify({ id: 1, method: "/v1/Device.Rotate", args }),
      });
      const { result, error } = (await response.json()) as {
        result?: Record<string, unknown>;
        error?: { code: number; message: string };
      };
      return error?.code ?? result?.changed;
    };
    assert.equal(await asked({ id: "device_14" }), true);
    assert.equal(await asked({ id: "device_14", cancel: false }), false);
    assert.equal(await asked({ id: "device_14", cancel: true }), true);
    assert.equal(await asked({ id: "device_14", cancel: "true" }), 400);
    assert.equal(await asked({}), 400);
    assert.equal(await asked({ id: "nobody" }), 404);
  });

  describe("refuses", () => {
    it("to rotate a device that was revoked or is proved by a certificate, and an unknown one", async () => {
      await json("device create --id device_15 --out key");
      await json("device revoke device_15 --force");
      await failed("device rotate device_15", "device_exists", /The device device_15 was revoked/);
      assert.match(
        good(await world.line("device rotate device_15 --dry-run")).stdout,
        /was revoked: it gets no other key/,
      );
      await cloud.addDevice({ id: "device_16", certFingerprint: "AB:".repeat(31).concat("AB") });
      await failed("device rotate device_16", "device_exists", /is proved by its certificate/);
      await failed("device rotate nobody", "device_unknown", /There is no device "nobody"/);
      await failed("device rotate nobody --dry-run", "device_unknown", /There is no device "nobody"/);
    });

    it("an id that is taken, with another key: device_exists, and nothing is changed", async () => {
      const first = await json("device create --id device_7 --out key");
      await failed("device create --id device_7 --out other", "device_exists", /is taken, with another key/);
      assert.equal((await json("device show device_7")).key_fingerprint, first.key_fingerprint);
    });

    it("who may only read, and a login without the scope: not_allowed", async () => {
      await json("device create --id device_8 --out key");
      await logIn("vic", "canary-viewer", "--force");
      await world.line("auth switch --account vic");
      good(await world.line("device show device_8"));
      await failed(
        "device revoke device_8 --force",
        "not_allowed",
        /is for the role admin or developer; yours is viewer/,
      );
      world.end();
      world = new World();
      world.env.MOTEKEY_CLOUD = cloud.httpUrl;
      await logIn("ann", ANN.password, "--scopes openid");
      for (const line of ["device revoke device_8 --force", "device rotate device_8"])
        await failed(line, "not_allowed", /needs a token with the scope devices:provision/);
    });

    it("nobody: without a login, and with a token that the cloud does not know", async () => {
      await failed("device list --cloud http://127.0.0.1:1", "cloud_unreachable", /cannot be reached/);
      world.env.MOTEKEY_AUTH_TOKEN = "nonsense";
      await failed("device list", "invalid_token", /does not take the login's token/);
      delete world.env.MOTEKEY_AUTH_TOKEN;
      good(await world.line("auth logout --all --force"));
      await failed("device list", "not_authenticated", /Run 'motekey auth login'/);
    });

    it("an address that is no cloud's: cloud_unreachable, cloud_invalid, and none that would show the token", async () => {
      const other = createServer((_request, response) => response.end("<html>")).listen(0, "127.0.0.1");
      await new Promise((resolve) => other.once("listening", resolve));
      try {
        const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
        await failed(`device list --cloud ${url}`, "cloud_invalid", /not as a cloud of devices does/);
      } finally {
        other.closeAllConnections();
        other.close();
      }
      await failed(
        "device list --cloud http://cloud.example.com",
        "usage",
        /http:\/\/ is for this machine only/,
      );
      world.env.MOTEKEY_CLOUD = "";
      await failed("device list", "usage", /Nothing names the cloud/);
    });

    it("a key on the command line, and a key file that others can read", async () => {
      await failed("device create --id device_9 --psk secret-of-the-device", "usage", /name it with --out/);
      writeFileSync(path("open"), "a-key-that-others-can-read\n");
      chmodSync(path("open"), 0o644);
      await failed("device create --id device_9 --out open", "storage_unsafe", /is open to others: mode 644/);
    });
  });

  it("no key and no token is in any output or event of the cloud", async () => {
    const events: unknown[] = [];
    const stop = cloud.on((event) => events.push(event));
    const said = [];
    for (const line of [
      "device create --id device_10 --out key",
      "device show device_10",
      "device list",
      "device rotate device_10",
      "device revoke device_10 --force",
    ])
      said.push(await world.line(line), await world.line(`${line} --json`));
    stop();
    const psk = readFileSync(path("key"), "utf8").trim();
    const token = (await world.line("auth token")).stdout.trim();
    const all = JSON.stringify([said, events]);
    for (const secret of [psk, token, Buffer.from(psk).toString("hex")])
      assert.ok(secret !== "" && !all.includes(secret));
    assert.match(all, /device-created/);
  });
});
