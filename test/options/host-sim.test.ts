/** The options of the host simulator against the types that declare them: closed tables of names and values. */
import assert from "node:assert/strict";
import { FleetCloud, runFleet } from "../../host-sim/fleet/index.js";
import {
  type Cloud,
  type CloudOptions,
  type DeviceOptions,
  type IdentityOptions,
  type NewEntity,
  simulateDevice,
  startCloud,
  startCloudIn,
  startIdentity,
  TlsLink,
} from "../../host-sim/index.js";
import { checkStory, parseUsage, type StoryOptions } from "../../host-sim/story/usage.js";
import { type Bag, mistakes } from "./cases.js";
import { declaredIn } from "./declared.js";

const SECRET = "correct horse battery staple";

/** What the options are refused with; fails where they are taken. */
async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof Error && error.constructor === Error, `threw ${error}`);
    return error.message;
  }
  return assert.fail("nothing was refused");
}

describe("the options of the host simulator", function () {
  this.timeout(120_000);
  const declared = declaredIn("host-sim/index.ts", "tsconfig.json");
  let cloud: Cloud;

  before(async () => {
    cloud = await startCloud({ identity: true });
  });
  after(() => cloud.close());

  const start = (options: unknown): Promise<unknown> => startCloud(options as CloudOptions);
  const startOthers = (options: unknown): Promise<unknown> => startIdentity(options as IdentityOptions);
  const simulate = (options: unknown): void => simulateDevice(options as DeviceOptions).close();
  const identity = (): NonNullable<Cloud["identity"]> => cloud.identity ?? assert.fail("no identity");
  const device = { cloud: "mqtt://127.0.0.1:1", id: "d1", psk: SECRET };
  const user = { username: "ada" };

  const groups: [
    type: string,
    base: Bag,
    prefix: string,
    run: (options: Bag) => unknown,
    lax?: readonly string[],
  ][] = [
    ["CloudOptions", {}, "", start],
    ["TokenOptions", {}, "tokens.", (tokens) => start({ tokens })],
    ["CloudTlsOptions", {}, "tls.", (tls) => start({ tls })],
    ["BrokerTls", {}, "brokerTls.", (brokerTls) => start({ brokerTls })],
    ["HookOptions", {}, "hook.", (hook) => start({ hook })],
    ["Extensions", {}, "extensions.", (extensions) => start({ extensions })],
    ["FaultOptions", {}, "faults.", (faults) => start({ faults }), ["clockOffsetSeconds"]],
    ["ErrorFault", { code: 503 }, "faults.error.", (error) => start({ faults: { error } }), ["retryAfter"]],
    [
      "MalformedFault",
      { bytes: "{" },
      "faults.malformedReply.",
      (malformedReply) => start({ faults: { malformedReply } }),
    ],
    ["NewEntity", { id: "d9" }, "addDevice().", (entity) => cloud.addDevice(entity as unknown as NewEntity)],
    ["IdentityOptions", {}, "", startOthers],
    ["IdentityOptions", {}, "identity.", (identity) => start({ identity })],
    ["IdentityFaultOptions", {}, "faults.", (faults) => startOthers({ faults }), ["clockOffsetSeconds"]],
    ["Lifetimes", {}, "lifetimes.", (lifetimes) => startOthers({ lifetimes })],
    ["NewUser", user, "addUser().", (user) => identity().addUser(user as never)],
    ["NewUser", user, "users[0].", (user) => startOthers({ users: [user] })],
    [
      "NewMembership",
      { organization: "o" },
      "addUser().memberships[0].",
      (membership) => identity().addUser({ ...user, memberships: [membership as never] }),
    ],
    ["NewServiceAccount", {}, "addServiceAccount().", (account) => identity().addServiceAccount(account)],
    [
      "Workload",
      { issuer: "i", subject: "s" },
      "addServiceAccount().workload.",
      (workload) => identity().addServiceAccount({ workload: workload as never }),
    ],
    ["CloudFolderOptions", {}, "", (options) => startCloudIn("unused", options)],
    ["DeviceOptions", device, "", simulate],
    ["TlsOptions", {}, "tls.", (tls) => new TlsLink(tls)],
    ["DeviceTls", {}, "tls.", (tls) => simulate({ ...device, cloud: "mqtts://127.0.0.1:1", tls })],
  ];
  const optional = new Set(["Extensions", "Lifetimes"]);
  for (const [type, base, prefix, run, lax] of groups) {
    it(`${prefix === "" ? "" : `${prefix}* of `}${type}: each misspelt name, each wrong type and each that is missing is refused by its name`, async () => {
      const members = declared(type).map((one) => (optional.has(type) ? { ...one, isOptional: true } : one));
      const found = mistakes(members, base, prefix, false, lax);
      assert.ok(found.length >= 5 * members.length, `${found.length} mistakes`);
      for (const { title, options, says } of found)
        assert.match(await refusal(() => run(options)), says, title);
    });
  }

  it("knobs are checked when they are set at run time, too, and stay as they were", async () => {
    const { faults } = cloud;
    const before = { ...faults };
    for (const { title, options, says } of mistakes(
      declared("FaultOptions").map((one) => ({ ...one, isOptional: true })),
      {},
      "faults.",
      false,
      ["clockOffsetSeconds"],
    ))
      assert.match(await refusal(() => Object.assign(faults, options)), says, title);
    const set = (knobs: object) => () => Object.assign(faults, knobs);
    assert.match(
      await refusal(set({ latncyMs: 1 })),
      /^motekey: faults\.latncyMs is no option; there are latencyMs, /,
    );
    assert.match(
      await refusal(set({ error: { cod: 503 } })),
      /^motekey: faults\.error\.cod is no option; there are code, /,
    );
    assert.match(
      await refusal(set({ latencyMs: undefined })),
      /^motekey: faults\.latencyMs is missing; it must be a number/,
    );
    assert.match(
      await refusal(() => Object.assign(faults.extensions, { mac: "no" })),
      /^motekey: faults\.extensions\.mac is text; it must be true or false/,
    );
    assert.match(
      await refusal(() => Object.assign(faults.extensions, { ma: false })),
      /^motekey: faults\.extensions\.ma is no option; there are mac, /,
    );
    assert.match(
      await refusal(() => Reflect.defineProperty(faults, "latncyMs", { value: 1 })),
      /latncyMs is no option/,
    );
    assert.match(
      await refusal(() => Reflect.deleteProperty(faults, "latencyMs")),
      /faults\.latencyMs cannot be taken away/,
    );
    assert.deepEqual({ ...faults }, before);
    const others = identity();
    assert.match(
      await refusal(() => Object.assign(others.faults, { lack: [] })),
      /^motekey: faults\.lack is no option; there are lacks, /,
    );
    assert.match(
      await refusal(() => Object.assign(others.faults, { lacks: ["tokenendpoint"] })),
      /^motekey: faults\.lacks\[0\] is "tokenendpoint"; it must be token_endpoint or /,
    );
    assert.match(
      await refusal(() => Object.assign(others.lifetimes, { accessToken: "1 h" })),
      /^motekey: lifetimes\.accessToken is text; it must be a number from 0 on/,
    );
  });

  it("knobs that are right can be set, one by one, within each other and back to rest", () => {
    const { faults } = cloud;
    faults.latencyMs = 0.5;
    faults.dropReplies = (request) => request.src === "nobody";
    faults.error = { code: -32600, when: Infinity };
    faults.error = null;
    faults.extensions = { retryAfter: true, expiresIn: true, mac: true, cbor: false, seal: true };
    faults.extensions.cbor = true;
    faults.rawReply = () => undefined;
    faults.rawReply = null;
    Object.assign(faults, { latencyMs: 0, dropReplies: 0 });
    assert.deepEqual([faults.latencyMs, faults.extensions.cbor, faults.error], [0, true, null]);
  });

  it("say what it was and what is allowed, the nearest first, and never what may be a secret", async () => {
    const cases: [run: () => unknown, message: string][] = [
      [() => start({ prot: 0 }), "prot is no option; there are port, "],
      [() => start({ port: "1883" }), "port is text; it must be a whole number from 0 to 65535"],
      [() => start({ tokens: { format: "JWT" } }), 'tokens.format is "JWT"; it must be jwt or opaque or '],
      [
        () => start({ tokens: { macKey: 5 } }),
        "tokens.macKey is of type number; it must be text that is not empty or a Uint8Array",
      ],
      [() => start({ mqttVersion: 3 }), "mqttVersion is 3; it must be 4 or 5"],
      [() => start({ registryFile: 5 }), "registryFile is of type number; it must be text"],
      [() => start("mqtt://me:secret@host"), "options is text; it must be an object with port, host, "],
      [() => start(null), "options is null; it must be an object with "],
      [
        () => cloud.addDevice({ id: "d", psk: 12345678 } as never),
        "addDevice().psk is of type number; it must be text",
      ],
      [
        () => cloud.addDevice({ id: "d", role: "Backend" } as never),
        'addDevice().role is "Backend"; it must be backend or device or user',
      ],
      [() => simulate({ ...device, psk: undefined }), "psk is missing; it must be text"],
      [
        () => simulate({ ...device, transport: "mqtt 5" }),
        'transport is "mqtt 5"; it must be mqtt5 or mqtt or ',
      ],
      [() => simulate({ ...device, proof: "MAC" }), 'proof is "MAC"; it must be mac or '],
      [() => simulate({ ...device, tls: { psk: SECRET } }), "tls.psk is text; it must be true or false"],
      [() => simulate({ ...device, limits: { slot: 1 } }), "limits.slot is no option; there are slots, "],
      [() => runFleet({ devices: 0 } as never), "devices is 0; it must be a whole number from 1 on"],
      [
        () => runFleet({ devices: 1, url: "mqtt://h", credential: {} } as never),
        "credential is of type object; it must be a function",
      ],
      [() => FleetCloud.start({ device: 1 } as never), "device is no option; there are devices, "],
    ];
    for (const [run, message] of cases) {
      const said = await refusal(run);
      assert.ok(said.startsWith(`motekey: ${message}`), `${said}\nwanted: ${message}`);
      assert.ok(!said.includes("secret") && !said.includes("horse") && !said.includes("12345678"), said);
    }
  });

  it("of a story are checked, whoever makes it; its command line names the nearest", async () => {
    const story = parseUsage([], {}) as StoryOptions;
    checkStory(story);
    const says = (more: object) => refusal(() => checkStory({ ...story, ...more } as StoryOptions));
    assert.match(await says({ device: 5 }), /^motekey: device is no option; there are devices, /);
    assert.match(
      await says({ devices: "5" }),
      /^motekey: devices is text; it must be a whole number from 1 to 20000 or null/,
    );
    assert.match(
      await says({ proof: "counter-mac" }),
      /^motekey: proof is "counter-mac"; it must be counter\+mac or /,
    );
    assert.match(await says({ psk: 5 }), /^motekey: psk is of type number; it must be text/);
    const usage =
      (words: string[], environment = {}) =>
      () =>
        parseUsage(words, environment);
    assert.throws(usage(["--prof", "mac"]), /Unknown option '--prof'; there are --proof, /);
    assert.throws(usage(["--proof", "counter-mac"]), /--proof must be one of counter\+mac, /);
    assert.throws(usage(["--transport", "mqtt-5"]), /--transport must be one of mqtt5, /);
    assert.throws(usage([], { MOTEKEY_PSK: "" }), /MOTEKEY_PSK is empty/);
  });
});
