/** doctor --record: what a device told of itself, kept as a file. */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Explanation } from "../../firmware/explain.js";

import { simulateDevice, startCloud } from "../../host-sim/index.js";
import { found } from "./doctor.js";
import { World } from "./world.js";

const KEYS = {
  cloud: "canary-psk-0123456789abcdefghijklmnopqrstuv",
  device: "canary-psk-of-another-device-0123456789",
};

/** What a device with the wrong key says. */
async function recordOfWrongKey(): Promise<Explanation> {
  const cloud = await startCloud();
  try {
    await cloud.addDevice({ id: "plug-1", psk: KEYS.cloud });
    const device = simulateDevice({ cloud, id: "plug-1", psk: KEYS.device });
    try {
      await device.next("WAITING");
      return device.explain();
    } finally {
      device.close();
    }
  } finally {
    await cloud.close();
  }
}

describe("doctor --record", () => {
  let world: World;
  let record: Explanation;

  before(async () => {
    record = await recordOfWrongKey();
  });
  beforeEach(() => {
    world = new World();
    keep(JSON.stringify(record));
  });
  afterEach(() => world.end());

  const keep = (content: string | Uint8Array) => writeFileSync(join(world.folder, "told.json"), content);
  const doctor = (flags = "--json") => world.line(`doctor --record told.json ${flags}`);

  it("of a device with a wrong key: its reason, its evidence and the next step", async () => {
    const said = await doctor();
    const { check, message, next, evidence } = found(said, "device_bad_credentials");
    assert.equal(check, "record");
    assert.equal(message, "The broker refuses user name or password.");
    assert.match(next ?? "", /^Check that the device is registered, compare its key/);
    assert.deepEqual(evidence, {
      status: 23,
      name: "BAD_CREDENTIALS",
      transport: "mqtt",
      link: "PLAIN",
      proof: "counter+mac",
      cloud: record.cloud,
      code: 0,
      peer_code: 4,
      peer_reason: "",
      last_refusal: "OK",
      clock_ahead_seconds: 0,
      connects: 0,
      losses: 0,
      silent_ms: record.silentMs < 0 ? null : record.silentMs,
    });
    assert.ok(!said.stdout.includes("canary"));
  });

  it("is told to people on three lines", async () => {
    const { stdout, exit } = await doctor("");
    assert.equal(exit, 1);
    const [line, evidence, next] = stdout.slice(stdout.indexOf("✗ record")).split("\n");
    assert.equal(line, "✗ record    The broker refuses user name or password.");
    assert.match(
      evidence ?? "",
      /^ {12}status=23 name=BAD_CREDENTIALS transport=mqtt .*peer_code=4 peer_reason=none /,
    );
    assert.match(next ?? "", /^ {12}Check that .*\[device_bad_credentials\]$/);
  });

  it("of - reads standard input", async () => {
    const said = await world.line("doctor --record - --json", { input: JSON.stringify(record) });
    assert.equal(found(said, "device_bad_credentials").evidence.cloud, record.cloud);
  });

  it("with a byte order mark and members of a later firmware is read all the same", async () => {
    keep(`\ufeff${JSON.stringify({ ...record, later: [1] })}\r\n`);
    found(await doctor(), "device_bad_credentials");
  });

  it("of a device that works is no problem, and keeps its evidence", async () => {
    keep(JSON.stringify({ ...record, status: 0, name: "OK", connects: 3 }));
    const { stdout, exit } = await doctor();
    const told = JSON.parse(stdout).find((finding: { check: string }) => finding.check === "record");
    assert.equal(exit, 0);
    assert.equal(told.level, "ok");
    assert.equal(told.evidence.connects, 3);
  });

  it("names why an answer was dropped, and shows the number of a reason that it does not know", async () => {
    for (const [lastRefusal, shown] of [
      [23, "BAD_CREDENTIALS"],
      [9999, 9999],
    ] as const) {
      keep(JSON.stringify({ ...record, lastRefusal }));
      assert.equal(found(await doctor(), "device_bad_credentials").evidence.last_refusal, shown);
    }
  });

  it("never prints a control character of the file, nor its sentences", async () => {
    const evil = "\u001b]0;evil\u0007\u009b2J\u202e\n✓ all is well";
    keep(
      JSON.stringify({
        ...record,
        sentence: evil,
        exposure: evil,
        transport: evil,
        cloud: evil,
        peerReason: evil,
      }),
    );
    for (const flags of ["", "--json"]) {
      const { stdout, stderr } = await doctor(flags);
      assert.doesNotMatch(stdout + stderr, /(?!\n)[\p{Cc}\p{Bidi_Control}]|\\u00|^✓ all is well/mu);
    }
    keep(JSON.stringify({ ...record, name: evil }));
    for (const flags of ["", "--json"]) {
      const { exit, stderr } = await doctor(flags);
      assert.equal(exit, 2);
      assert.doesNotMatch(stderr, /(?!\n)[\p{Cc}\p{Bidi_Control}]|\\u00/u);
    }
  });

  describe("refuses before anything is tried", () => {
    const wrong: [what: string, content: (told: Explanation) => string, told: RegExp][] = [
      ["an empty file", () => " \n", /told\.json is empty\./],
      ["what is no JSON", () => KEYS.device, /told\.json is no JSON\./],
      ["half a record", (told) => JSON.stringify(told).slice(0, 80), /told\.json is no JSON\./],
      ["a list", (told) => JSON.stringify([told]), /told\.json lacks 'status'/],
      ["null", () => "null", /told\.json is no JSON object\./],
      ["a record without link", (told) => JSON.stringify({ ...told, link: undefined }), /lacks 'link'/],
      [
        "a code that is a text",
        (told) => JSON.stringify({ ...told, code: "4" }),
        /lacks 'code', or has it otherwise/,
      ],
      [
        "an unknown status",
        (told) => JSON.stringify({ ...told, status: 9999 }),
        /gives status 9999 the name/,
      ],
      [
        "a status of another name",
        (told) => JSON.stringify({ ...told, name: "OK" }),
        /status 23 the name 'OK'/,
      ],
      ["a huge file", (told) => JSON.stringify(told).padEnd(2 ** 20 + 1), /is longer than 1048576 bytes\./],
    ];
    for (const [what, content, told] of wrong) {
      it(what, async () => {
        keep(content(record));
        const file = readFileSync(join(world.folder, "told.json"), "utf8");
        for (const words of ["--record told.json", "--record -"]) {
          const { exit, stdout, stderr } = await world.line(`doctor ${words} --json`, { input: file });
          assert.equal(exit, 2);
          assert.equal(stdout, "");
          const { code, message, next } = JSON.parse(stderr).error;
          assert.equal(code, "usage");
          assert.match(message.replace("standard input", "told.json"), told);
          assert.match(next, /^[A-Z].*\.$/);
          assert.ok(!stderr.includes("canary"));
        }
      });
    }

    const unread: [path: string, told: RegExp][] = [
      ["nothing.json", /nothing\.json cannot be read: there is no such file\./],
      [".", /cannot be read: it is a folder\./],
      ["/dev/zero", /\/dev\/zero is longer than 1048576 bytes\./],
    ];
    for (const [path, told] of unread) {
      it(`the file ${path}`, async () => {
        const { exit, stdout, stderr } = await world.line(`doctor --record ${path}`);
        assert.equal(exit, 2);
        assert.equal(stdout, "");
        assert.match(stderr, told);
      });
    }
  });
});
