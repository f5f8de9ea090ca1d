import { my } from "./state.js";

/** Monotonic, ms. The engine has the wall clock only: a step forward counts as time that passed, one back as none. */
export function now(): number {
  const clock = Math.round(getTime() * 1000);
  if (clock > my.clock) my.nowMs += clock - my.clock;
  my.clock = clock;
  return my.nowMs;
}

/** Wakes the client at a moment of its time; where a turn runs, by another one after it. */
export function wake(at: number): void {
  if (at <= my.nowMs) {
    my.isCalm = false;
    my.only = null;
  }
  if (my.isTurning) {
    my.isRung = true;
    return;
  }
  if (at >= my.armedAt && my.armedAt > my.nowMs) return;
  my.armedAt = at;
  if (my.timer) clearTimeout(my.timer);
  my.timer = setTimeout(ring, Math.min(Math.max(0, at - my.nowMs), 86400000));
}

function ring(): void {
  my.timer = 0;
  my.armedAt = Infinity;
  my.turn();
}
