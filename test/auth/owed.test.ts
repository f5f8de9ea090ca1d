/** What is owed outlives a reboot: revocations that the cloud was not told, and writes that the store did not take. */

import assert from "node:assert/strict";
import { Status } from "../../firmware/index.js";
import { explain } from "../../host-sim/explain.js";
import { Flash } from "../../host-sim/world/flash.js";
import { Lives, methods } from "./lives.js";
import { APP, names } from "./world.js";

const OTHER = "b.example.com";
const HOUR_MS = 3_600_000;

describe("a revocation that the cloud does not know of yet", () => {
  /** A device that revoked without a network. */
  const offline = (lives: Lives): Lives => {
    lives.world.soon();
    lives.world.peer.isReachable = false;
    lives.world.peer.kick();
    lives.world.revoke();
    return lives;
  };

  it("is told after a reboot, before anything else and though no app asks for the host", () => {
    const lives = offline(new Lives());
    lives.crash();
    lives.boot().ready().advance(1_000);
    assert.deepEqual(methods(lives.world), ["RevokeToken"]);
    assert.ok(!lives.service.has(APP));
    lives.crash();
    lives.boot().ready().advance(1_000);
    assert.deepEqual(methods(lives.world), [], "once");
    assert.equal(lives.world.soon().token, `${APP}#2`);
  });

  it("comes before a token that is asked for in the next life", () => {
    const lives = offline(new Lives());
    lives.crash();
    assert.equal(lives.boot().soon().token, `${APP}#2`);
    assert.deepEqual(methods(lives.world), ["RevokeToken", "GenerateToken"]);
  });

  it("is in flash when revokeToken returns, and no token with it", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.sleep(0);
    lives.boot(0).peer.isReachable = false;
    assert.equal(lives.world.soon(APP, 0).token, `${APP}#1`);
    lives.world.revoke();
    for (const value of lives.flash.values.values()) assert.ok(!value.includes(`${APP}#1`));
    lives.crash();
    lives.boot(0).peer.isReachable = false;
    assert.equal(lives.world.soon(APP, 30_000).name, "UNREACHABLE");
  });

  it("takes the token out of a store that could not be read until then", () => {
    const lives = new Lives({ proof: "password" });
    lives.world.soon();
    lives.sleep(0);
    lives.flash.isReadable = false;
    lives.boot(0).peer.isReachable = false;
    lives.world.revoke();
    lives.flash.isReadable = true;
    assert.equal(lives.world.soon(APP, 30_000).name, "UNREACHABLE", "it is not used either");
    lives.crash();
    assert.equal(lives.boot(0).soon().token, `${APP}#2`);
  });

  it("is not forgotten for a store that is read late, when the cloud knows of it by then", () => {
    const lives = new Lives({ proof: "password" });
    lives.world.soon();
    lives.sleep(0);
    lives.flash.isReadable = false;
    const world = lives.boot(0).ready();
    world.revoke();
    world.advance(1_000);
    lives.flash.isReadable = true;
    world.peer.isReachable = false;
    world.peer.kick();
    world.advance(1_000);
    assert.equal(world.soon(APP, 400_000).name, "UNREACHABLE");
  });

  it("outlives an answer that comes late: the token that it would bring is revoked after a reboot too", () => {
    const lives = new Lives();
    lives.world.ready();
    lives.world.advance(100);
    lives.world.peer.answer = (request) => {
      if (!request.frame.method.endsWith("GenerateToken")) return lives.service.answer(request);
      return undefined;
    };
    lives.world.get();
    lives.world.advance(100);
    const [late] = lives.world.peer.asked("GenerateToken");
    lives.world.revoke();
    lives.world.advance(1_000);
    assert.equal(lives.world.peer.asked("RevokeToken").length, 1);
    lives.crash();
    lives.service.answer(late);
    lives.boot().ready().advance(1_000);
    assert.deepEqual(methods(lives.world), ["RevokeToken"]);
    assert.ok(!lives.service.has(APP));
  });

  it("that the store does not take is reported at once, carried out all the same, and kept when the store is mended", () => {
    for (const failure of [{ isFull: true }, { isWritable: false }, { isLying: true }]) {
      const lives = new Lives({ proof: "password" });
      lives.world.soon();
      lives.world.peer.isReachable = false;
      lives.world.peer.kick();
      Object.assign(lives.flash, failure);
      const outcome = lives.world.revoke();
      assert.equal(outcome.returned, Status.STORE_FAILED);
      assert.equal(
        lives.world.client.host(APP).revokeToken(null),
        Status.STORE_FAILED,
        "without a callback too",
      );
      Object.assign(lives.flash, { isFull: false, isWritable: true, isLying: false });
      lives.world.advance(120_000);
      lives.crash();
      lives.boot().ready().advance(1_000);
      assert.deepEqual(methods(lives.world), ["RevokeToken"]);
    }
    const lives = new Lives({ proof: "password" });
    lives.world.soon();
    lives.flash.isFull = true;
    const told = lives.world.revoke();
    lives.world.advance(1_000);
    assert.ok(!lives.service.has(APP));
    assert.equal(told.status, Status.STORE_FAILED, "the cloud knows, but the store does not say so");
  });

  it("is kept by a second attempt where the flash loses the first, as it may after a cut", () => {
    const lives = new Lives({ proof: "password" });
    lives.world.soon();
    lives.flash.cutNextWrite(3, "gone");
    assert.ok(lives.isCut((world) => void world.soon(OTHER)));
    const world = lives.boot();
    world.peer.isReachable = false;
    assert.equal(world.revoke().returned, Status.OK);
    lives.crash();
    lives.boot().ready().advance(1_000);
    assert.deepEqual(methods(lives.world), ["RevokeToken"]);
  });

  it("that the cloud refuses for good is not told again", () => {
    const lives = new Lives();
    lives.world.soon();
    lives.world.peer.answer = () => ({ error: { code: 403 } });
    lives.world.revoke();
    lives.world.advance(1_000);
    lives.crash();
    lives.boot().ready().advance(1_000);
    assert.deepEqual(methods(lives.world), []);
  });

  it("of hosts that the app gave up leaves room for new ones, and is told all the same", () => {
    const old = ["a.example.com", "b.example.com"];
    const lives = new Lives({ limits: { hosts: 2, slots: 1 } });
    lives.world.peer.isReachable = false;
    for (const host of old) lives.world.revoke(host);
    lives.crash();
    const world = lives.boot();
    assert.equal(world.soon("c.example.com").name, "OK");
    assert.equal(world.soon("d.example.com").name, "OK");
    assert.throws(() => world.client.host("e.example.com"), /more than 2 hosts/);
    assert.equal(world.peer.asked("RevokeToken").length, 2);
    lives.crash();
    lives.boot().soon("d.example.com");
    assert.deepEqual(methods(lives.world), ["GetToken"]);
  });

  it("writes twice: when it is owed, and when it is not any more", () => {
    const lives = new Lives({ proof: "password" });
    lives.world.soon();
    lives.world.revoke();
    lives.world.advance(1_000);
    assert.equal(lives.flash.writes, 3);
    lives.world.advance(HOUR_MS);
    assert.equal(lives.flash.writes, 3);
  });
});

describe("a device whose store is full", () => {
  for (const proof of ["password", "counter+mac"] as const) {
    it(`costs its flash some twenty erasures in the first day and six in the second, by ${proof}`, () => {
      const lives = new Lives({ proof });
      lives.world.soon();
      lives.crash();
      lives.flash.isFull = true;
      lives.boot();
      const erases: number[] = [];
      for (let minute = 0; minute < 2_880; minute++) {
        lives.world.get(OTHER);
        lives.world.advance(60_000);
        if (minute % 1_440 === 1_439) erases.push(lives.flash.erases);
      }
      assert.ok(erases[0] >= 5 && erases[0] <= 20, `${erases[0]}`);
      assert.ok(erases[1] - erases[0] <= 6, `${erases[1] - erases[0]}`);
      lives.flash.isFull = false;
      lives.world.advance(4 * HOUR_MS + 300_000);
      assert.equal(lives.world.soon(OTHER).name, "OK");
      assert.equal(explain(lives.world.client).name, "OK");
    }).timeout(60_000);
  }
});

describe("a device whose store fails, and whose proof has no counter,", () => {
  const failures: Record<string, Partial<Flash>> = {
    "cannot be read": { isReadable: false },
    "cannot be written": { isWritable: false },
    "loses what is written": { isLying: true },
  };
  for (const [what, failure] of Object.entries(failures)) {
    it(`works on while it ${what}, says STORE_FAILED, and keeps what is so when it is mended`, () => {
      const flash = new Flash();
      const lives = new Lives({ proof: "password" }, flash);
      lives.world.soon();
      lives.crash();
      Object.assign(flash, failure);
      lives.boot();
      assert.equal(lives.world.soon(OTHER).name, "OK");
      assert.equal(explain(lives.world.client).name, "STORE_FAILED");
      const { writes } = flash;
      for (let i = 0; i < 60; i++) lives.world.soon(APP, 1_000);
      assert.ok(flash.writes - writes <= 2 * 7, "it is not written at every turn");
      const revoked = lives.world.revoke();
      lives.world.advance(1_000);
      assert.deepEqual(names([revoked]), ["STORE_FAILED"]);
      assert.ok(!lives.service.has(APP), "the cloud knows all the same");
      const { token } = lives.world.soon();
      Object.assign(flash, { isReadable: true, isWritable: true, isLying: false });
      lives.world.peer.kick();
      lives.world.advance(400_000);
      assert.equal(lives.world.soon().name, "OK");
      assert.equal(explain(lives.world.client).name, "OK");
      lives.crash();
      assert.equal(lives.boot().soon().token, token);
      assert.deepEqual(methods(lives.world), ["GetToken"]);
    });
  }
});
