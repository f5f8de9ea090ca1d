import assert from "node:assert/strict";
import { HELP, parseUsage, UsageError } from "../../host-sim/story/usage.js";

const parse = (line: string, environment: NodeJS.ProcessEnv = {}) =>
  parseUsage(
    line.split(" ").filter((word) => word !== ""),
    environment,
  );

describe("the command line of npm start", () => {
  it("without a word: one device, our own broker, counter+mac", () => {
    assert.deepEqual(parse(""), {
      devices: null,
      broker: null,
      id: "device_1",
      psk: null,
      proof: "counter+mac",
      transport: "mqtt",
      allowInsecure: false,
      json: false,
    });
  });

  it("takes every option", () => {
    const line = "--cloud mqtt://me:pw@host:1 --id d --proof password+mac --allow-insecure --json";
    assert.deepEqual(parse(line, { MOTEKEY_PSK: "key" }), {
      devices: null,
      broker: "mqtt://me:pw@host:1",
      id: "d",
      psk: "key",
      proof: "password+mac",
      transport: "mqtt",
      allowInsecure: true,
      json: true,
    });
    assert.equal(parse("--devices=500")?.devices, 500);
    assert.equal(parse("--transport rpc+ws")?.transport, "rpc+ws");
  });

  it("proves itself in frames alone on a broker that knows no counters", () => {
    assert.equal(parse("--cloud mqtt://host")?.proof, "mac");
  });

  it("--help and -h ask for help, which names every option", () => {
    assert.equal(parse("--help"), null);
    assert.equal(parse("-h --json"), null);
    for (const option of ["cloud", "id", "proof", "transport", "allow-insecure", "devices", "json", "help"]) {
      assert.match(HELP, new RegExp(`^ {2}--${option} `, "m"));
    }
  });

  const refused: [line: string, why: RegExp][] = [
    ["--transport carrier-pigeon", /^--transport must be one of mqtt, mqtt5, mqtt\+ws, mqtt5\+ws, rpc\+ws$/],
    ["--transport rpc+ws --devices 2", /^--transport is of one device: a fleet speaks mqtt$/],
    [
      "--transport rpc+ws --cloud mqtt://host",
      /^--transport rpc\+ws needs the cloud's own broker; leave --cloud out$/,
    ],
    ["--devices 0", /^--devices must be a whole number from 1 to 20000$/],
    ["--devices 1.5", /^--devices must be a whole number/],
    ["--devices many", /^--devices must be a whole number/],
    ["--devices", /^Option '--devices <value>' argument missing$/],
    ["--devices 5 --id d", /^--id is of one device/],
    ["--nonsense", /^Unknown option '--nonsense'; there are --/],
    ["word", /^Unexpected argument 'word'/],
    ["--cloud broker.example.com", /^--cloud must be mqtt:\/\//],
    ["--cloud mqtts://me:s3cret@host", /^--cloud must be mqtt:\/\/user:password@host:port$/],
    ["--proof telepathy", /^--proof must be one of counter\+mac, /],
    ["--proof password", /^--proof password gives the key to anyone who reads the link; --allow-insecure/],
    ["--proof key", /--allow-insecure accepts that$/],
    [
      "--proof counter",
      /^--proof counter gives all but the connection to anyone who relays the link; --allow-ins/,
    ],
  ];
  for (const [line, why] of refused) {
    it(`refuses ${line}`, () => {
      assert.throws(() => parse(line), { constructor: UsageError, message: why });
    });
  }
});
