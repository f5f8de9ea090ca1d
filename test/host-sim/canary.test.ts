/** Canaries: whole lives with marked secrets, all output at the highest level and every byte on the wire searched. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { once } from "node:events";
import { sentenceOf } from "../../firmware/explain.js";
import { createAuth, type LimitOptions, type Proof, State, Status } from "../../firmware/index.js";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { explain } from "../../host-sim/explain.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { compiled } from "../compiled.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { ROOT } from "../tidy/repository.js";
import { Device } from "./device.js";
import { frameOf, messagesIn, Tap } from "./tap.js";

const ID = "device_123";
const HOST = "app.example.com";
const CANARY = "CANARY-psk-5hJ8sKq2ZrWm0vTgXy7LbNf4UdPe1RaC";
const WRONG = "CANARY-wrong-key-9QwErTyUiOpAsDfGhJkLzXcVbN";

/** Which proofs put the key itself on the wire; all say so in `explain()`. */
const PROOFS: Partial<Record<Proof, boolean>> = {
  "counter+mac": false,
  counter: false,
  mac: false,
  digest: false,
  password: true,
  "password+mac": true,
  "password+digest": true,
  "password+key": true,
  key: true,
};

/** The ways in which a secret may be written. */
function spellings(secret: string | Buffer): string[] {
  const bytes = Buffer.from(secret);
  return [
    bytes.toString("latin1"),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    [...bytes].join(","),
  ];
}

/** Everything that is made from the key and is as good as the key. */
function derivedKeys(psk: string): Buffer[] {
  const [connect, mac] = ["motekey counter v1", "motekey mac v1"].map((info) =>
    Buffer.from(hkdfSync("sha256", psk, "", info, 32)),
  ) as [Buffer, Buffer];
  const digest = createHash("sha256").update(`${ID}:api.mongoose-iot.com:${psk}`).digest();
  return [connect, mac, digest];
}

/** The key of each MAC session that these messages open. */
function sessionKeys(psk: string, messages: string[]): Buffer[] {
  const master = Buffer.from(hkdfSync("sha256", psk, "", "motekey mac v1", 32));
  return messages
    .map((message) => frameOf(message).sec)
    .filter((sec) => sec !== undefined)
    .map(({ c, n }) => {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(c));
      return createHmac("sha256", master)
        .update(Buffer.concat([Buffer.from("s"), counter, Buffer.from(n, "base64url")]))
        .digest();
    });
}

function assertAbsent(secrets: readonly (string | Buffer)[], text: string, where: string): void {
  assert.ok(text.length > 0, `nothing was heard: ${where}`);
  for (const secret of secrets) {
    for (const spelling of spellings(secret)) {
      const at = text.indexOf(spelling);
      const around = text.slice(Math.max(0, at - 40), at).replace(/[^ -~]/g, ".");
      assert.ok(at < 0, `a secret ${where}, after ${JSON.stringify(around)}`);
    }
  }
}

/** Takes the process's output until the returned function gives it back. */
function listenToOutput(said: string[]): () => void {
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => stream.write);
  for (const stream of streams) {
    stream.write = ((chunk: string | Uint8Array) => {
      said.push(Buffer.from(chunk).toString());
      return true;
    }) as typeof stream.write;
  }
  return () => {
    for (const [i, stream] of streams.entries()) stream.write = writes[i] as typeof stream.write;
  };
}

describe("secrets stay where they belong", () => {
  let cloud: Cloud;
  let tap: Tap;
  let said: string[];
  let tokens: string[];
  let devices: Device[];

  beforeEach(async () => {
    said = [];
    tokens = [];
    devices = [];
    cloud = await startCloud({ requireFrameProof: false, log: (event) => said.push(JSON.stringify(event)) });
    tap = await Tap.start(cloud.port);
    await cloud.addDevice({ id: ID, psk: CANARY });
  });

  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.log(said.slice(-40).join("\n"));
    for (const device of devices) device.close();
    await tap.close();
    await cloud.close();
  });

  const connect = (psk: string, proof: Proof, limits: LimitOptions = {}): Device => {
    const device = new Device(tap.port, { id: ID, psk }, { proof, limits });
    devices.push(device);
    return device;
  };

  const note = (device: Device): void => {
    const { auth } = device;
    said.push(JSON.stringify(explain(auth)), JSON.stringify(auth.counters), State[auth.state] ?? "");
  };

  const noteError = (mistake: () => unknown): void => {
    try {
      mistake();
    } catch (error) {
      said.push(String(error), (error as Error).stack ?? "");
      return;
    }
    assert.fail("that was no mistake");
  };

  /** All methods, all faults, every way to end: what a device may live through. */
  async function live(proof: Proof): Promise<void> {
    const device = connect(CANARY, proof, { callAttemptMs: 80, slots: 1 });
    device.auth.onState = () => note(device);
    const keep = async (asked: ReturnType<Device["getToken"]>): Promise<void> => {
      const { status, token } = await asked;
      said.push(status);
      tokens.push(token);
      note(device);
    };
    await keep(device.getToken(HOST));
    await keep(device.getToken(HOST));
    await keep(device.getToken("other.example.com"));
    await keep(device.getToken(HOST));
    await keep(device.generateToken(HOST));
    said.push(JSON.stringify(await device.listTokens()));
    cloud.faults.error = { code: 503, retryAfter: 0 };
    await keep(device.generateToken(HOST));
    for (const fault of [{ wrongMac: 1 }, { wrongId: 1 }, { dropReplies: 1 }, { doubleReplies: 1 }]) {
      Object.assign(cloud.faults, fault);
      await keep(device.generateToken(HOST));
    }
    cloud.faults.malformedReply = { bytes: '{"v":2,"result":{"token":"' };
    await keep(device.generateToken(HOST));
    cloud.kick(ID);
    await keep(device.generateToken(HOST));
    said.push(Status[device.auth.host(HOST).rejected(1)] ?? "");
    cloud.restart();
    await keep(device.generateToken(HOST));
    for (const host of ["third.example.com", "fourth.example.com"]) device.auth.host(host);
    noteError(() => device.auth.host("one-too-many.example.com"));
    noteError(() => device.auth.host("x".repeat(65)));
    await device.revokeToken(HOST);
    note(device);
    const unfinished = device.generateToken(HOST);
    device.close();
    said.push((await unfinished).status);
    note(device);
  }

  for (const [proof, isExposed] of Object.entries(PROOFS) as [Proof, boolean][]) {
    it(`in a whole life under ${proof}`, async () => {
      const giveBack = listenToOutput(said);
      try {
        await live(proof);
      } finally {
        giveBack();
      }
      tokens = [...new Set(tokens)].filter((token) => token !== "");
      assert.ok(tokens.length >= 9, `${tokens.length} tokens`);
      const [sent, received] = [tap.sent(), tap.received()];
      const keys = [...derivedKeys(CANARY), ...sessionKeys(CANARY, messagesIn(sent))];

      assertAbsent([CANARY, ...keys, ...tokens], said.join("\n"), "in the output");
      assertAbsent([...keys, ...tokens], sent.toString("latin1"), "sent by the device");
      assertAbsent([CANARY, ...keys], received.toString("latin1"), "sent to the device");
      const others = messagesIn(received).filter((message) => !message.includes('"token":'));
      assertAbsent(tokens, others.join("\n"), "in a reply that is none of GetToken and GenerateToken");
      if (isExposed) assert.ok(sent.includes(CANARY));
      else assertAbsent([CANARY], sent.toString("latin1"), "sent by the device");
      assert.equal(
        said.some((line) => line.includes("has the device's key")),
        isExposed,
        "explain() says what everybody learns",
      );
    });
  }

  it("the key is in frames under key only, and in CONNECT under password only", async () => {
    for (const proof of ["key", "password", "password+key"] as const) {
      const device = connect(CANARY, proof);
      await device.getToken(HOST);
      device.close();
      await cloud.next("disconnected");
      const sent = tap.recordings.at(-1)?.sent() as Buffer;
      const inFrames = messagesIn(sent).filter((message) => message.includes(CANARY)).length;
      assert.equal(inFrames > 0, proof !== "password", proof);
      const whole = sent.toString("latin1").split(CANARY).length - 1;
      assert.equal(whole - inFrames, proof === "key" ? 0 : 1, proof);
    }
  });

  it("with the wrong key: neither it nor the right one is told", async () => {
    const giveBack = listenToOutput(said);
    try {
      for (const proof of ["counter+mac", "mac", "digest"] as const) {
        const device = connect(WRONG, proof, { callAttemptMs: 50, callDeadlineMs: 150 });
        device.auth.onState = () => note(device);
        said.push((await device.getToken(HOST)).status);
        note(device);
        device.close();
      }
    } finally {
      giveBack();
    }
    assertAbsent([WRONG, CANARY], said.join("\n"), "in the output");
    assertAbsent([WRONG, CANARY], tap.sent().toString("latin1"), "sent by the device");
    assertAbsent([WRONG, CANARY], tap.received().toString("latin1"), "sent to the device");
  });

  it("no mistake at construction is answered with the key", () => {
    const good = {
      deviceId: ID,
      cloud: { host: "127.0.0.1", port: 1883 },
      credential: { psk: CANARY, counter: 1 },
    };
    const mistakes: object[] = [
      { deviceId: "a/b" },
      { deviceId: "x".repeat(100) },
      { cloud: { host: "127.0.0.1", port: 0 } },
      { credential: { psk: CANARY, counter: -1 } },
      { credential: { psk: CANARY, counter: 0.5 } },
      { proof: CANARY.slice(0, 6) },
      { proof: "password" },
      { proof: "key" },
      { limits: { slots: 0 } },
      { limits: { sendBytes: 10 } },
    ];
    for (const mistake of mistakes) {
      noteError(() => createAuth({ ...good, ...mistake } as never, nodePorts()));
    }
    assertAbsent([CANARY], said.join("\n"), "in an error");
  });

  it("no sentence holds anything but words", () => {
    const sentences = Object.values(Status)
      .filter((status): status is Status => typeof status === "number")
      .map(sentenceOf);
    for (const sentence of sentences) assert.doesNotMatch(sentence, /[A-Za-z0-9_-]{25,}/);
  });
});

describe("npm start tells no secret", () => {
  /** All that the story says, in a process of its own. */
  async function story(words: string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
    const program = await compiled("host-sim/story/main.ts", "host-sim/fleet/cloud-process.ts");
    const child = spawn(process.execPath, [program, ...words], {
      cwd: ROOT,
      env: { ...process.env, MOTEKEY_PSK: CANARY, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said: Buffer[] = [];
    child.stdout.on("data", (piece) => said.push(piece));
    child.stderr.on("data", (piece) => said.push(piece));
    await once(child, "close");
    return Buffer.concat(said).toString();
  }

  const assertClean = (said: string, ...secrets: string[]): void => {
    assertAbsent([CANARY, ...secrets], said, "in the output of npm start");
    assert.doesNotMatch(said, /eyJ/, "a JWT");
    assert.doesNotMatch(said, /(?<![\w-])[A-Za-z0-9_-]{43}(?![\w-])/, "a key or a MAC");
  };

  it("in its story, plain and as JSON, nor about many devices", async () => {
    const told = await Promise.all([
      story([]),
      story(["--json", "--proof", "password+key", "--allow-insecure"]),
      story(["--devices", "5", "--json"]),
    ]);
    for (const said of told) assertClean(said);
  });

  it("when it fails, or is called wrongly", async () => {
    const told = await Promise.all([
      story(["--cloud", "mqtt://me:CANARY-password@127.0.0.1:1"]),
      story(["--cloud", "mqtt://me:CANARY-password@127.0.0.1:1", "--json"]),
      story(["--cloud", "not a url CANARY-password"]),
      story(["--psk", "CANARY-password"]),
      story(["--proof", "key"]),
    ]);
    for (const said of told) assertClean(said, "CANARY-password");
  });

  it("on an external broker, where its own password is at stake too", async function () {
    const users = [{ id: "device_1", password: CANARY }];
    const broker = await startMosquitto(findMosquitto(this), users);
    const { password } = new URL(broker.cloudUrl);
    const proof = ["--proof", "password+mac", "--allow-insecure"];
    const said = await story(["--cloud", broker.cloudUrl, "--id", "device_1", ...proof]);
    await broker.close();
    assert.match(said, /token/);
    assertClean(said, password);
  });
});
