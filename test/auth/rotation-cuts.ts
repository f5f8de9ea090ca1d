import assert from "node:assert/strict";
import { RotationStage } from "../../firmware/rotation.js";
import { Flash, type Tear } from "../../host-sim/world/flash.js";
import { RotatedLives } from "./key-keeper.js";
import { APP, PSK } from "./world.js";

/** Quick to connect anew, so that a life of seconds is a whole one. */
const LIMITS = { backoffBaseMs: 1, backoffCapMs: 1_000 };

/** Where power goes. */
export type Cut =
  | { readonly at: "write"; readonly number: number; readonly bytes: number; readonly tear: Tear }
  /** Before the device's packet of this number is sent, or behind it; before the peer's comes, or behind it. */
  | { readonly at: "sent" | "received"; readonly number: number; readonly isBehind: boolean };

/** What there is to cut: the length of each write, and the packets of each direction. */
export interface Story {
  readonly writes: number[];
  sent: number;
  received: number;
}

/** A rotation, as many as are wanted, with power going once in each life until there is no cut left. */
export function play(cuts: readonly Cut[] = [], isTakenBack = false): Story {
  const flash = new Flash();
  const lives = new RotatedLives({ limits: LIMITS }, flash);
  const { keeper } = lives;
  assert.equal(lives.world.soon().name, "OK");
  const key = keeper.rotate();
  const left = [...cuts];
  const story: Story = { writes: [], sent: 0, received: 0 };
  const isNow = (at: Cut["at"], number: number, isBehind?: boolean): boolean => {
    const [cut] = left;
    if (cut?.at !== at || cut.number !== number) return false;
    if (cut.at !== "write" && cut.isBehind !== isBehind) return false;
    left.shift();
    return true;
  };
  const write = flash.write.bind(flash);
  flash.write = (name, bytes, length) => {
    const [cut] = left;
    story.writes.push(length);
    if (cut?.at === "write" && isNow("write", story.writes.length)) flash.cutNextWrite(cut.bytes, cut.tear);
    return write(name, bytes, length);
  };
  const watch = (): void => {
    const { peer } = lives.world;
    const { intercept, sendBytes } = peer;
    // Power goes by no exception here: the peer's parser would not outlive it.
    peer.intercept = (packet) => {
      story.sent++;
      const isLost = isNow("sent", story.sent, false);
      if (isLost) lives.crash();
      const isTaken = isLost || intercept(packet);
      // What the peer does with it is behind this.
      if (isNow("sent", story.sent, true)) lives.time.after(0, () => lives.crash());
      return isTaken;
    };
    peer.sendBytes = (bytes) => {
      story.received++;
      const isLost = isNow("received", story.received, false);
      if (!isLost) sendBytes.call(peer, bytes);
      if (isLost || isNow("received", story.received, true)) lives.crash();
    };
  };
  watch();
  const boot = (): void => {
    lives.time.advance(300);
    while (
      lives.isCut(() => {
        lives.boot();
        watch();
      })
    );
  };
  const live = (ms: number): void => {
    const wentOut = lives.isCut((world) => {
      world.generate();
      world.advance(ms);
    });
    if (wentOut || !lives.world.clock.isArmed) boot();
  };
  for (let i = 0; i <= cuts.length; i++) live(3_000);
  if (isTakenBack && keeper.promotions === 0) keeper.next = undefined;
  // Waits of half a minute and more stand between attempts that failed.
  for (let i = 0; i < 4; i++) live(200_000);
  assert.equal(left.length, 0, "all that was to be cut was cut");
  const expected = keeper.promotions > 0 ? key : PSK;
  assert.ok(isTakenBack || keeper.promotions === 1, `${keeper.promotions} promotions`);
  assert.equal(keeper.present, expected);
  assert.deepEqual([lives.kept("a"), lives.kept("b")], [expected, expected]);
  assert.deepEqual(lives.holding(expected === key ? PSK : key), []);
  assert.equal(lives.rotation.stage, RotationStage.NONE);
  assert.deepEqual(
    keeper.keys.filter((name) => name.startsWith("recover")),
    [],
    "its counter was never behind",
  );
  let outcome = lives.world.get(APP);
  lives.world.advance(2_000);
  if (outcome.name !== "OK") {
    outcome = lives.world.get(APP);
    lives.world.advance(20_000);
  }
  assert.equal(outcome.name, "OK");
  return story;
}
