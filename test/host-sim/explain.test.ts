/** The first diagnosis: each fault is injected, and explain() names it, shows evidence and says what to do. */

import assert from "node:assert/strict";
import { sentenceOf } from "../../firmware/explain.js";
import { createAuth, type PolicyError, Status } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { nodePorts } from "../../host-sim/index.js";
import { findMosquitto } from "../servers/mosquitto.js";
import { makePki, type Pki } from "../servers/pki.js";
import { Bench, DEVICE, type Fault, HOST, LATER, SOON } from "./diagnosis.js";
import { BYSTANDERS, REASONS } from "./diagnosis-evidence.js";
import { CALLS, ROAD, WHO } from "./diagnosis-faults.js";

const PASSWORD = { proof: "password", allowInsecure: true } as const;

const MOSQUITTO: readonly Fault[] = [
  {
    what: "messages that are longer than its limit, MQTT 5",
    name: "PACKET_TOO_LARGE",
    step: /raise its size limit/,
    evidence: { peerCode: 0x95, connects: 1 },
    cause: async (bench) => {
      const { url } = await bench.broker([], ["message_size_limit 100"]);
      return bench.refused(url, { ...PASSWORD, ...LATER, transport: "mqtt5" });
    },
  },
  {
    what: "messages that are longer than its limit, of which MQTT 3.1.1 says nothing",
    name: "TIMEOUT",
    step: /and size limits let both through/,
    cause: async (bench) => {
      const { url } = await bench.broker([], ["message_size_limit 100"]);
      return bench.refused(url, { ...PASSWORD, ...SOON });
    },
  },
  {
    what: "a user that it does not know",
    name: "NOT_AUTHORIZED",
    step: /check that the device is registered/,
    evidence: { peerCode: 5, proof: "password" },
    cause: async (bench) => bench.kept((await bench.broker()).url, { ...PASSWORD, id: "device_9" }),
  },
  {
    what: "a wrong password",
    name: "NOT_AUTHORIZED",
    step: /compare its key: some brokers say this of a wrong one too/,
    evidence: { peerCode: 5 },
    cause: async (bench) => bench.kept((await bench.broker()).url, { ...PASSWORD, psk: "guess" }),
  },
  {
    what: "a wrong password, MQTT over WebSocket",
    name: "NOT_AUTHORIZED",
    step: /compare its key/,
    evidence: { transport: "mqtt+ws" },
    cause: async (bench) =>
      bench.kept((await bench.broker()).wsUrl, { ...PASSWORD, psk: "guess", transport: "mqtt+ws" }),
  },
  {
    what: "ACLs that deny our requests, MQTT 5",
    name: "PUBLISH_REFUSED",
    step: /allow the device its request topic/,
    evidence: { peerCode: 0x87, connects: 1 },
    cause: async (bench) => {
      const { url } = await bench.broker([`user ${DEVICE.id}`, `topic deny cloud/from/${DEVICE.id}/rpc`]);
      return bench.refused(url, { ...PASSWORD, ...LATER, transport: "mqtt5" });
    },
  },
  {
    what: "ACLs that deny our requests, of which MQTT 3.1.1 says nothing",
    name: "TIMEOUT",
    step: /check .* that the broker's ACLs and size limits let both through/,
    cause: async (bench) => {
      const { url } = await bench.broker([`user ${DEVICE.id}`, `topic deny cloud/from/${DEVICE.id}/rpc`]);
      return bench.refused(url, { ...PASSWORD, ...SOON });
    },
  },
  {
    what: "another device of our id, of which MQTT 3.1.1 says nothing",
    name: "CONNECTION_LOST",
    step: /another device may have our id/,
    evidence: { losses: 1 },
    cause: async (bench) => {
      const { url } = await bench.broker();
      const device = bench.device(url, PASSWORD);
      await device.ready();
      const lost = device.next("WAITING");
      bench.device(url, PASSWORD);
      await lost;
      return device.explain();
    },
  },
];

describe("a client in Node", () => {
  it("has explain() as a method, too", () => {
    const options = { deviceId: "device_123", cloud: { host: "127.0.0.1" }, credential: { psk: "key" } };
    const auth = createAuth(options, nodePorts());
    assert.deepEqual((auth as unknown as { explain(): object }).explain(), explain(auth));
    auth.close();
  });
});

describe("explain()", () => {
  let pki: Pki;
  let bench: Bench;

  before(async () => {
    pki = await makePki(DEVICE.id);
  });

  afterEach(() => bench.close());

  async function check({ cause, name, step, evidence = {} }: Fault): Promise<void> {
    const explanation = await cause(bench);
    const told = JSON.stringify(explanation);
    const { status, sentence } = explanation;
    assert.deepEqual([explanation.name, Status[status]], [name, name], told);
    assert.match(sentence, step);
    for (const [field, value] of Object.entries(evidence))
      assert.equal(explanation[field as keyof typeof explanation], value, field);
    assert.match(explanation.cloud, /^[\w.]+:\d+$/);
    assert.doesNotMatch(told, /canary|eyJ/, "a key or a token is told");
  }

  const groups = {
    "who we are": WHO,
    "the way to the cloud": ROAD,
    "a call": CALLS,
    "what the peer gives as its reason": REASONS,
    "what is no evidence": BYSTANDERS,
  };
  for (const [group, faults] of Object.entries(groups)) {
    describe(`of ${group} tells`, () => {
      for (const fault of faults) {
        it(`${fault.what}: ${fault.name}`, () => {
          bench = new Bench(pki, "");
          return check(fault);
        });
      }
    });
  }

  describe("at mosquitto tells", () => {
    for (const fault of MOSQUITTO) {
      it(`${fault.what}: ${fault.name}`, function () {
        bench = new Bench(pki, findMosquitto(this));
        return check(fault);
      });
    }
  });

  it("finds nothing where nothing is wrong, whatever was dropped before, and no fault in a good clock", async () => {
    bench = new Bench(pki, "");
    const device = bench.device(await bench.cloud({ faults: { doubleReplies: true } }));
    await device.host(HOST).getToken();
    await device.listTokens();
    const { name, clockAheadS, silentMs } = device.explain(Date.now() / 1000);
    assert.equal(name, "OK");
    assert.ok(Math.abs(clockAheadS) < 60 && silentMs >= 0, `${clockAheadS} s, ${silentMs} ms`);
  });

  it("has its words in what createAuth throws, where the policy refuses", () => {
    bench = new Bench(pki, "");
    const refusals = [
      [{ proof: "password" }, Status.PROOF_EXPOSED],
      [{ proof: "link" }, Status.LINK_UNPROVED],
      [{ proof: "auth5" }, Status.PROOF_UNFIT],
    ] as const;
    for (const [options, status] of refusals) {
      assert.throws(
        () => bench.device("mqtt://127.0.0.1:1", options),
        (error: PolicyError) => error.status === status && error.message.includes(sentenceOf(status)),
      );
    }
  });
});
