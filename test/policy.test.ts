import assert from "node:assert/strict";
import {
  createAuth,
  type Floor,
  LinkSecurity,
  type PolicyError,
  PROOFS,
  type Proof,
  Status,
} from "../firmware/index.js";
import { judge, proofFor } from "../firmware/policy.js";
import { nodePorts } from "../host-sim/node/ports.js";

const { PLAIN, UNVERIFIED_TLS, VERIFIED_TLS, MUTUAL_TLS, PSK_TLS } = LinkSecurity;
const LINKS = [PLAIN, UNVERIFIED_TLS, VERIFIED_TLS, MUTUAL_TLS, PSK_TLS];
const NO_FLOOR: Floor = {};

/** The lowest link that each proof may use, as the policy's documents say. */
const LOWEST: Readonly<Record<Proof, [link: LinkSecurity, below: Status]>> = {
  "counter+mac": [PLAIN, Status.OK],
  counter: [VERIFIED_TLS, Status.FRAMES_UNPROVED],
  mac: [PLAIN, Status.OK],
  digest: [PLAIN, Status.OK],
  auth5: [VERIFIED_TLS, Status.FRAMES_UNPROVED],
  "auth5+mac": [PLAIN, Status.OK],
  password: [VERIFIED_TLS, Status.PROOF_EXPOSED],
  "password+mac": [VERIFIED_TLS, Status.PROOF_EXPOSED],
  "password+key": [VERIFIED_TLS, Status.PROOF_EXPOSED],
  "password+digest": [VERIFIED_TLS, Status.PROOF_EXPOSED],
  key: [VERIFIED_TLS, Status.PROOF_EXPOSED],
  link: [MUTUAL_TLS, Status.LINK_UNPROVED],
  "link+mac": [MUTUAL_TLS, Status.LINK_UNPROVED],
};

describe("the policy of proofs and links", () => {
  for (const proof of PROOFS) {
    const [lowest, below] = LOWEST[proof];
    it(`${proof} goes over ${LinkSecurity[lowest]} and better, and nothing less`, () => {
      for (const link of LINKS) {
        const wanted = link >= lowest ? Status.OK : below;
        assert.equal(judge(proof, link, true, false, NO_FLOOR), wanted, LinkSecurity[link]);
      }
    });
  }

  it("allowInsecure lets the key be read and the frames be forged, and proves no link", () => {
    for (const link of [PLAIN, UNVERIFIED_TLS]) {
      assert.equal(judge("password", link, false, true, NO_FLOOR), Status.OK);
      assert.equal(judge("counter", link, false, true, NO_FLOOR), Status.OK);
      assert.equal(judge("auth5", link, true, true, NO_FLOOR), Status.OK);
    }
    assert.equal(judge("link", PLAIN, false, true, NO_FLOOR), Status.LINK_UNPROVED);
  });

  it("auth5 needs a transport with an exchange", () => {
    assert.equal(judge("auth5", MUTUAL_TLS, false, true, NO_FLOOR), Status.PROOF_UNFIT);
  });

  it("takes the strongest proof that the link allows where none is named", () => {
    assert.deepEqual(LINKS.map(proofFor), ["counter+mac", "counter+mac", "password", "link", "link"]);
  });

  it("a floor of proof refuses every weaker one on every link, whatever else is allowed", () => {
    const weaker: Readonly<Partial<Record<Proof, readonly Proof[]>>> = {
      mac: ["password", "password+mac", "key", "digest", "counter", "auth5"],
      counter: ["password", "key", "digest", "password+digest"],
      digest: ["password", "password+digest", "key"],
      link: ["password", "digest", "counter", "mac", "counter+mac", "auth5+mac"],
    };
    for (const [floor, proofs] of Object.entries(weaker) as [Proof, readonly Proof[]][]) {
      for (const proof of proofs) {
        for (const link of LINKS) {
          assert.equal(
            judge(proof, link, true, true, { proof: floor }),
            Status.PROOF_BELOW_FLOOR,
            `${proof} under a floor of ${floor}, ${LinkSecurity[link]}`,
          );
        }
      }
      assert.equal(judge(floor, MUTUAL_TLS, true, false, { proof: floor }), Status.OK);
    }
  });

  it("a floor of link refuses every lower one; a certificate and TLS-PSK count the same", () => {
    for (const floor of LINKS) {
      for (const link of LINKS) {
        const isBelow = Math.min(link, MUTUAL_TLS) < Math.min(floor, MUTUAL_TLS);
        const wanted = isBelow ? Status.LINK_BELOW_FLOOR : Status.OK;
        assert.equal(judge("mac", link, false, false, { link: floor }), wanted);
      }
    }
  });

  it("a floor of sealed tokens refuses every proof without MACs, over every link", () => {
    for (const proof of PROOFS)
      for (const link of LINKS) {
        const verdict = judge(proof, link, true, true, { token: "sealed" });
        const before = judge(proof, link, true, true, NO_FLOOR);
        const wanted = proof.split("+").includes("mac") ? before : Status.PROOF_BELOW_FLOOR;
        assert.equal(verdict, wanted, `${proof}, ${LinkSecurity[link]}`);
      }
  });

  it("what is no proof or link is below every floor, and a floor that is none is above all", () => {
    for (const wrong of ["MAC", "mac+", "foo+mac", "toString", "", 4, Number.NaN, null, []]) {
      for (const link of LINKS) {
        for (const proof of PROOFS)
          assert.equal(judge(proof, link, true, true, { proof: wrong as Proof }), Status.PROOF_BELOW_FLOOR);
        assert.equal(judge(wrong as Proof, link, true, true, NO_FLOOR), Status.PROOF_BELOW_FLOOR);
      }
    }
    for (const wrong of ["VERIFIED_TLS", "2", "length", 5, -1, 0.5, Number.NaN, Infinity, null, []]) {
      const floor = { link: wrong as LinkSecurity };
      for (const link of LINKS) assert.equal(judge("link", link, true, true, floor), Status.LINK_BELOW_FLOOR);
      assert.equal(judge("link", wrong as LinkSecurity, true, true, NO_FLOOR), Status.LINK_BELOW_FLOOR);
    }
  });

  it("createAuth throws with the status and what to do, before a connection is opened", () => {
    const options = { deviceId: "d1", cloud: { host: "127.0.0.1" } };
    const cases: [object, Status, RegExp][] = [
      [{ proof: "password", credential: { psk: "k" } }, Status.PROOF_EXPOSED, /allowInsecure/],
      [{ proof: "counter", credential: { psk: "k" } }, Status.FRAMES_UNPROVED, /relay.*add \+mac/],
      [{ proof: "link", credential: {} }, Status.LINK_UNPROVED, /certificate/],
      [{ proof: "auth5", credential: { psk: "k" } }, Status.PROOF_UNFIT, /MQTT 5/],
      [{ credential: { psk: "k", floor: { proof: "link" } } }, Status.PROOF_BELOW_FLOOR, /weaker/],
      [
        { credential: { psk: "k", floor: { link: VERIFIED_TLS } }, allowInsecure: true },
        Status.LINK_BELOW_FLOOR,
        /link is weaker/,
      ],
    ];
    for (const [more, status, message] of cases) {
      assert.throws(
        () => createAuth({ ...options, ...more } as Parameters<typeof createAuth>[0], nodePorts()),
        (error: PolicyError) => error.status === status && message.test(error.message),
      );
    }
  });

  it("a device without a key says so unless the link proves it", () => {
    const options = { deviceId: "d1", cloud: { host: "127.0.0.1" }, credential: {} };
    assert.throws(() => createAuth(options, nodePorts()), /provision the device's key first/);
    const link = Object.assign(nodePorts().link, { security: MUTUAL_TLS });
    createAuth(options, { ...nodePorts(), link }).close();
  });
});
