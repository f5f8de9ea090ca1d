const { nextTick: realNextTick } = process;

/**
 * Fake timers may take all but this one: Node's own sockets never open without it.
 * @throws Error that says how to leave it alone
 */
export function needRealTicks(): void {
  const { nextTick } = process;
  if (nextTick === realNextTick) return;
  throw new Error(
    'process.nextTick is faked, and Node opens no socket without it; leave it out: sinon.useFakeTimers({ toNotFake: ["nextTick", "queueMicrotask"] })',
  );
}
