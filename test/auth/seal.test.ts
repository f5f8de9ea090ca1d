/** Tokens that come sealed (the wire's B7), in virtual time: what is asked for, what is opened, what is refused. */

import assert from "node:assert/strict";
import { writeCredential } from "../../firmware/credential.js";
import { Status } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { Flash } from "../../host-sim/world/flash.js";
import { SALT_BYTES } from "../proof/seal-oracle.js";
import { CloudMac } from "./mac.js";
import { APP, PSK, World, type WorldOptions } from "./world.js";

const SEALED = { token: "sealed" } as const;

/** A device with `counter+mac`, and its cloud. */
function worldOf(options: WorldOptions = {}): { world: World; cloud: CloudMac } {
  const world = new World({ proof: "counter+mac", ...options });
  return { world, cloud: new CloudMac(world) };
}

/** A cloud whose sealed tokens are all this text. */
const sealedAs =
  (text: string): CloudMac["seal"] =>
  () => ({ sealed: text });

describe("a sealed token", () => {
  it("is asked for where a MAC session begins, and nowhere else", () => {
    const { world } = worldOf();
    world.soon();
    world.peer.kick();
    world.advance(2_000);
    const sections = world.peer.requests.flatMap(({ frame }) => (frame.sec === undefined ? [] : [frame.sec]));
    assert.deepEqual(
      sections.map(({ e }) => e),
      [1, 1],
    );
    for (const proof of ["counter", "key"] as const) {
      const other = new World({ proof });
      assert.equal(other.soon().token, `${APP}#1`);
      assert.ok(other.peer.requests.every(({ frame }) => frame.sec === undefined));
    }
  });

  it("is opened, whole and in any pieces, from GenerateToken and from GetToken", () => {
    const { world, cloud } = worldOf();
    const seen: string[] = [];
    const { seal } = cloud;
    cloud.seal = (token, session) => {
      const members = seal(token, session);
      seen.push(String(members.sealed));
      return members;
    };
    world.service.make = (host, count) => `${host}#${count}${"x".repeat(300)}`;
    assert.equal(world.soon().token, `${APP}#1${"x".repeat(300)}`);
    world.peer.cut = (bytes) => Array.from(bytes, (byte) => Buffer.from([byte]));
    assert.equal(world.newToken().token, `${APP}#2${"x".repeat(300)}`);
    assert.equal(seen.length, 2);
  });

  it("lives as long as one in the clear", () => {
    const { world } = worldOf();
    world.service.lifetimeS = 100;
    assert.ok(world.soon().remainingMs > 98_000);
  });

  it("is opened in a session of its own after a reconnect, and after the cloud forgot the session", () => {
    const { world, cloud } = worldOf();
    world.soon();
    world.peer.kick();
    world.advance(2_000);
    assert.equal(world.newToken().token, `${APP}#2`);
    cloud.forget();
    const outcome = world.generate();
    world.advance(20_000);
    assert.equal(outcome.token, `${APP}#3`);
  });

  for (const [what, text] of [
    ["has an empty text", ""],
    ["has a salt and nothing else", Buffer.alloc(SALT_BYTES).toString("base64url")],
    ["is no base64url", `${Buffer.alloc(SALT_BYTES + 3).toString("base64url")}=`],
    [
      "has unused bits that are not zero",
      `${Buffer.alloc(SALT_BYTES + 4)
        .toString("base64url")
        .slice(0, -1)}B`,
    ],
  ] as const)
    it(`that ${what} ends the call with BAD_RESULT`, () => {
      const { world, cloud } = worldOf();
      cloud.seal = sealedAs(text);
      assert.equal(world.soon().name, "BAD_RESULT");
    });

  it("beside one in the clear is none", () => {
    const { world, cloud } = worldOf();
    const { seal } = cloud;
    cloud.seal = (token, session) => ({ token, ...seal(token, session) });
    assert.equal(world.soon().name, "BAD_RESULT");
  });

  it("is too long by its own length, not by its text's", () => {
    const { world } = worldOf({ limits: { tokenBytes: 160 } });
    world.service.make = () => "t".repeat(160);
    assert.equal(world.soon().token, "t".repeat(160));
    world.service.make = () => "t".repeat(161);
    assert.equal(world.newToken().name, "TOKEN_TOO_LONG");
  });

  it("that nobody asked for is not taken: there is no key for it", () => {
    const world = new World({ proof: "counter" });
    const { answer } = world.peer;
    world.peer.answer = (request) =>
      request.frame.method === "/v1/Hello"
        ? answer(request)
        : { result: { sealed: "A".repeat(40), expires_in: 60 } };
    assert.equal(world.soon().name, "BAD_RESULT");
  });
});

describe("a token in the clear under a MAC", () => {
  it("is taken from a cloud that has no seals, and said", () => {
    const { world, cloud } = worldOf();
    cloud.hasSeal = false;
    assert.equal(world.soon().token, `${APP}#1`);
    assert.equal(explain(world.client).sealed, false);
  });

  it("is refused once Hello announced seals, or one came, until the next connection", () => {
    const { world, cloud } = worldOf();
    world.ready().advance(100);
    assert.equal(explain(world.client).sealed, true);
    cloud.hasSeal = false;
    assert.equal(world.soon().name, "TOKEN_UNSEALED");
    assert.equal(explain(world.client).status, Status.TOKEN_UNSEALED);
    world.peer.kick();
    world.advance(400_000);
    assert.equal(world.soon().name, "OK");
    assert.equal(explain(world.client).sealed, false);
  });

  it("is refused behind a sealed one, whatever Hello said", () => {
    const { world, cloud } = worldOf();
    const { answer } = world.peer;
    world.peer.answer = (request) => (request.frame.method === "/v1/Hello" ? undefined : answer(request));
    assert.equal(world.soon().token, `${APP}#1`);
    assert.equal(explain(world.client).sealed, true);
    cloud.hasSeal = false;
    assert.equal(world.newToken().name, "TOKEN_UNSEALED");
  });

  it("is refused where a floor wants it sealed, be it the options' or the store's, on each connection", () => {
    const store = new Flash();
    assert.equal(writeCredential(store, { deviceId: "device_123", psk: PSK, floor: SEALED }), Status.OK);
    for (const options of [{ floor: SEALED }, { store }] satisfies WorldOptions[]) {
      const { world, cloud } = worldOf(options);
      cloud.hasSeal = false;
      assert.equal(world.soon().name, "TOKEN_UNSEALED");
      cloud.hasSeal = true;
      world.peer.kick();
      world.advance(400_000);
      assert.equal(world.soon().name, "OK");
      world.close();
    }
  });

  it("cannot be prevented by a proof without MACs: such a floor refuses them all", () => {
    for (const proof of ["counter", "password", "key", "password+key"] as const)
      assert.throws(
        () => new World({ proof, floor: SEALED }),
        (error: { status?: Status }) => error.status === Status.PROOF_BELOW_FLOOR,
      );
  });
});
