/** The firmware's options against the types that declare them: a closed table of names and values. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { cbor, cwt } from "../../firmware/cbor.js";
import {
  type AuthOptions,
  type CredentialFields,
  createAuth,
  DEFAULT_LIMITS,
  type Limits,
  LinkSecurity,
  limitsFrom,
  mqtt,
  type Ports,
  PROOFS,
  readCredential,
  Status,
  writeCredential,
} from "../../firmware/index.js";
import { Messages } from "../../firmware/messages.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { SealedStore, type SealOptions, Strength } from "../../firmware/seal.js";
import { mqttOverWebSocket, rpcOverWebSocket } from "../../firmware/websocket.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { Flash } from "../../host-sim/world/flash.js";
import { type Bag, mistakes } from "./cases.js";
import { declaredIn } from "./declared.js";

const PSK = "correct horse battery staple";
const OPTIONS: AuthOptions = { deviceId: "d1", cloud: { host: "127.0.0.1" }, credential: { psk: PSK } };

/** Makes a client and closes it. */
function make(options: unknown, ports: unknown = nodePorts()): void {
  createAuth(options as AuthOptions, ports as Ports).close();
}

/** The error's message; fails where there is no error. */
function refusal(run: () => void): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof Error && error.constructor === Error, `threw ${error}`);
    return error.message;
  }
  return assert.fail("nothing was refused");
}

describe("the options of the firmware", function () {
  this.timeout(60_000);
  const declared = declaredIn("firmware/index.ts", "firmware/tsconfig.json");
  const inCredential = [...declared("Credential"), ...declared("StoredCredential")];

  const groups: [type: string, base: Bag, prefix: string, run: (options: Bag) => void][] = [
    ["AuthOptions", { ...OPTIONS }, "", (options) => make(options)],
    ["CloudOptions", { host: "h" }, "cloud.", (cloud) => make({ ...OPTIONS, cloud })],
    [
      "CloudPlace",
      { host: "h" },
      "cloud.alternatives[0].",
      (place) => make({ ...OPTIONS, cloud: { host: "h", alternatives: [place] } }),
    ],
    ["Floor", {}, "credential.floor.", (floor) => make({ ...OPTIONS, credential: { psk: PSK, floor } })],
    ["Limits", {}, "limits.", (limits) => make({ ...OPTIONS, limits })],
    ["Limits", {}, "limits.", (limits) => void limitsFrom(limits)],
    [
      "CredentialFields",
      { deviceId: "d1", psk: PSK },
      "",
      (fields) => void writeCredential(new Flash(), fields as unknown as CredentialFields),
    ],
    ["Floor", {}, "floor.", (floor) => void writeCredential(new Flash(), { deviceId: "d1", floor })],
    ["Ports", { ...nodePorts() }, "ports.", (ports) => make(OPTIONS, ports)],
  ];
  for (const [type, base, prefix, run] of groups) {
    it(`${prefix === "" ? type : `${prefix}* (${type})`}: each misspelt name, each wrong type and each that is missing is refused by its name`, () => {
      run(base);
      const members = declared(type).map((member) =>
        type === "Limits" ? { ...member, isOptional: true } : member,
      );
      const found = mistakes(members, base, prefix);
      assert.ok(found.length > 5 * members.length, `${found.length} mistakes`);
      for (const { title, options, says } of found)
        assert.match(
          refusal(() => run(options)),
          says,
          title,
        );
    });
  }

  it("credential.*: each misspelt name and each wrong type is refused by its name", () => {
    const members = inCredential.filter(
      ({ name }, at) => inCredential.findIndex((one) => one.name === name) === at,
    );
    for (const { title, options, says } of mistakes(
      members.map((one) => ({ ...one, isOptional: true })),
      { psk: PSK },
      "credential.",
    ))
      assert.match(
        refusal(() => make({ ...OPTIONS, credential: options })),
        says,
        title,
      );
  });

  for (const [port, type] of [
    ["link", "Link"],
    ["clock", "Clock"],
    ["entropy", "Entropy"],
    ["store", "Store"],
  ] as const) {
    it(`ports.${port}: each function is there; what else it has is its own`, () => {
      const whole = {
        link: { open() {}, write: () => 0, close() {} },
        clock: nodePorts().clock,
        entropy: nodePorts().entropy,
        store: new Flash(),
      }[port];
      const base: Bag = { mine: 1 };
      for (const { name } of declared(type)) {
        const member = Reflect.get(whole, name);
        if (typeof member === "function") base[name] = member.bind(whole);
      }
      const run = (options: Bag): void => make(OPTIONS, { ...nodePorts(), [port]: options });
      run(base);
      for (const { title, options, says } of mistakes(declared(type), base, `ports.${port}.`, true))
        assert.match(
          refusal(() => run(options)),
          says,
          title,
        );
    });
  }

  it("say what it was and what is allowed, the nearest first", () => {
    const cases: [options: unknown, message: string][] = [
      [{ ...OPTIONS, clould: 1 }, "clould is no option; there are cloud, "],
      [{ ...OPTIONS, allowinsecure: true }, "allowinsecure is no option; there are allowInsecure, "],
      [{ ...OPTIONS, proof: "MAC" }, 'proof is "MAC"; it must be mac, '],
      [{ ...OPTIONS, proof: 4 }, "proof is 4; it must be counter+mac, counter, mac, "],
      [
        { ...OPTIONS, cloud: { host: "h", port: "1883" } },
        "cloud.port is of type string; it must be a whole number from 1 to 65535",
      ],
      [
        { ...OPTIONS, cloud: { host: "h", port: 0 } },
        "cloud.port is 0; it must be a whole number from 1 to 65535",
      ],
      [{ ...OPTIONS, cloud: { host: "" } }, 'cloud.host is ""; it must be text that is not empty'],
      [{ ...OPTIONS, cloud: undefined }, "cloud is missing; it must be an object with host, port, "],
      [
        { ...OPTIONS, cloud: "mqtt://me:secret@h" },
        "cloud is of type string; it must be an object with host, ",
      ],
      [
        { ...OPTIONS, cloud: { host: "h", alternatives: "h2" } },
        "cloud.alternatives is of type string; it must be an array of objects with host, port",
      ],
      [
        { ...OPTIONS, cloud: { host: "h", alternatives: ["h2"] } },
        "cloud.alternatives[0] is of type string; it must be an object with host, port",
      ],
      [
        { ...OPTIONS, credential: { psk: 12345678 } },
        "credential.psk is of type number; it must be text or a Uint8Array",
      ],
      [{ ...OPTIONS, credential: "secret" }, "credential is of type string; it must be an object with "],
      [{ ...OPTIONS, credential: [] }, "credential is of type array; it must be an object with "],
      [
        { ...OPTIONS, credential: { psk: PSK, counter: 0 } },
        "credential.counter is 0; it must be a whole number from 1 on",
      ],
      [
        { ...OPTIONS, credential: { psk: PSK, floor: { link: "VERIFIED_TLS" } } },
        'credential.floor.link is "VERIFIED_TLS"; it must be 2 (VERIFIED_TLS), ',
      ],
      [
        { ...OPTIONS, credential: { psk: PSK, floor: { link: 9 } } },
        "credential.floor.link is 9; it must be 0 (PLAIN), 1 (UNVERIFIED_TLS), ",
      ],
      [{ ...OPTIONS, sleptMs: Number.NaN }, "sleptMs is NaN; it must be a number from 0 on"],
      [{ ...OPTIONS, limits: { tokenByte: 9 } }, "limits.tokenByte is no option; there are tokenBytes, "],
      [
        { ...OPTIONS, limits: { tokenBytes: Infinity } },
        "limits.tokenBytes is Infinity; it must be a whole number from 0 on",
      ],
      [
        { ...OPTIONS, transport: "mqtt5" },
        "transport is of type string; it must be mqtt, mqtt5 of motekey/mqtt5, or one of motekey/websocket",
      ],
      [{ ...OPTIONS, transport: mqttOverWebSocket }, "transport is of type function; it must be mqtt, "],
      [{ ...OPTIONS, encoding: "cbor" }, "encoding is of type string; it must be cbor of motekey/cbor"],
      [{ ...OPTIONS, encoding: cwt() }, "encoding is of type object; it must be cbor of motekey/cbor"],
      [{ ...OPTIONS, tokenFormat: cwt }, "tokenFormat is of type function; it must be cwt() of motekey/cbor"],
      [{ ...OPTIONS, tokenFormat: cbor }, "tokenFormat is of type object; it must be cwt() of motekey/cbor"],
      [
        { ...OPTIONS, messages: Messages },
        "messages is of type function; it must be new Messages() of motekey/messages",
      ],
      [undefined, "options is missing; it must be an object with deviceId, cloud, "],
      [null, "options is of type null; it must be an object with "],
    ];
    for (const [options, message] of cases) {
      const said = refusal(() => make(options));
      assert.ok(said.startsWith(`motekey: ${message}`), `${said}\nwanted: ${message}`);
    }
    for (const [ports, message] of [
      [undefined, "ports is missing; it must be an object with link, clock, entropy, store"],
      [
        { ...nodePorts(), clock: undefined },
        "ports.clock is missing; it must be an object with now, wakeAfter, cancel",
      ],
      [{ ...nodePorts(), entropy: { fil() {} } }, "ports.entropy.fill is missing; it must be a function"],
      [{ ...nodePorts(), Store: new Flash() }, "ports.Store is no option; there are store, "],
    ] as const) {
      assert.equal(
        refusal(() =>
          createAuth(OPTIONS, (ports as Ports | undefined) ?? (undefined as unknown as Ports)),
        ).slice(0, message.length + 9),
        `motekey: ${message}`,
      );
    }
  });

  it("take every proof, link, limit, transport, encoding and format that there is", () => {
    for (const proof of PROOFS) {
      const options = { ...OPTIONS, transport: mqtt5, proof, allowInsecure: true };
      const isLink = proof.startsWith("link");
      const link = {
        open() {},
        write: () => 0,
        close() {},
        security: isLink ? LinkSecurity.PSK_TLS : LinkSecurity.VERIFIED_TLS,
      };
      make({ ...options, credential: { psk: PSK, floor: { proof, link: link.security } } }, nodePorts(link));
    }
    make({ ...OPTIONS, transport: mqtt, encoding: cbor, tokenFormat: cwt("k"), messages: new Messages() });
    make({ ...OPTIONS, limits: DEFAULT_LIMITS, sleptMs: 0.5, proof: undefined, transport: undefined });
    make({ ...OPTIONS, limits: {} });
  });

  it("take a credential as the store had it", () => {
    const flash = new Flash();
    assert.equal(writeCredential(flash, { deviceId: "d1", psk: PSK }), Status.OK);
    make({ ...OPTIONS, credential: readCredential(flash).credential });
  });

  it("share one object of limits where it names all of them", () => {
    const limits: Limits = { ...DEFAULT_LIMITS, slots: 3 };
    assert.equal(limitsFrom(limits), limits);
  });

  it("of cwt(), Messages and the transports over WebSocket are checked alike", () => {
    const cases: [run: () => unknown, message: string][] = [
      [() => cwt(5 as unknown as string), "cwt().key is of type number; it must be text or a Uint8Array"],
      [() => cwt(""), "cwt().key is empty; leave it out"],
      [() => new Messages({ filter: 1 } as object), "messages.filter is no option; there are filters, "],
      [() => new Messages({ filters: 0 }), "messages.filters is 0; it must be a whole number from 1 on"],
      [
        () => new Messages({ deadlineMs: Number.NaN }),
        "messages.deadlineMs is NaN; it must be a whole number",
      ],
      [() => new Messages({ topicBytes: 65_536 }), "messages.topicBytes must not exceed 65535"],
      [
        () => mqttOverWebSocket("mqtt" as never, "/mqtt"),
        "mqtt is of type string; it must be mqtt, or mqtt5 of",
      ],
      [
        () => mqttOverWebSocket(mqtt, undefined as never),
        "path is missing; it must be text that is not empty",
      ],
      [() => rpcOverWebSocket(5 as never), "path is 5; it must be text that is not empty"],
    ];
    for (const [run, message] of cases)
      assert.ok(
        refusal(() => void run()).startsWith(`motekey: ${message}`),
        refusal(() => void run()),
      );
    const sealed = declaredIn("firmware/seal.ts", "firmware/tsconfig.json")("SealOptions");
    const key = { strength: Strength.SEALED, secret: new Uint8Array(32) };
    const sealing = { key, entropy: { fill: () => {} } };
    for (const { title, options, says } of mistakes(sealed, sealing, "seal."))
      assert.match(
        refusal(() => void new SealedStore(new Flash(), options as unknown as SealOptions)),
        says,
        title,
      );
    const members = declaredIn("firmware/messages.ts", "firmware/tsconfig.json")("MessagesOptions");
    for (const { title, options, says } of mistakes(members, {}, "messages."))
      assert.match(
        refusal(() => void new Messages(options)),
        says,
        title,
      );
  });

  it("of any kind end in a client or in one error of ours, which shows no key", () => {
    const names = [
      "deviceId",
      "cloud",
      "credential",
      "proof",
      "allowInsecure",
      "limits",
      "sleptMs",
      "transport",
      "encoding",
      "tokenFormat",
      "messages",
      "__proto__",
      "constructor",
    ];
    const inner = [
      "host",
      "port",
      "psk",
      "floor",
      "counter",
      "link",
      "proof",
      "toString",
      "__proto__",
      "length",
      "slots",
    ];
    const secret = fc.constantFrom<unknown>(PSK, Buffer.from(PSK), { psk: PSK }, [PSK], {
      floor: { psk: PSK },
    });
    const value = fc.oneof(
      fc.anything({ maxDepth: 2 }),
      secret,
      fc.dictionary(fc.constantFrom(...inner), fc.oneof(fc.anything({ maxDepth: 1 }), secret)),
    );
    const options = fc
      .dictionary(fc.constantFrom(...names), value)
      .map((given) => ({ ...OPTIONS, ...given }));
    // A text in the place of a word or of a name is shown: nobody could see the mistake else.
    const isShown = ({ proof, deviceId, cloud }: AuthOptions): boolean =>
      [proof, deviceId, (cloud as { dialect?: unknown } | null)?.dialect].includes(PSK);
    fc.assert(
      fc.property(options, (given) => {
        try {
          make(given);
        } catch (error) {
          const { message } = error as Error;
          assert.match(message, /^(motekey: |limits: )/);
          assert.ok(isShown(given as AuthOptions) || !message.includes("correct horse"), message);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
