import { PassThrough } from "node:stream";

/**
 * Fake timers may take all but `process.nextTick`: Node's own sockets never open without it. Whether Node lacks it is
 * seen by a stream of Node's, as some runners (Jest) fake one that only their tests have.
 * @throws Error that says how to leave it alone
 */
export async function needRealTicks(): Promise<void> {
  let isClosed = false;
  const stream = new PassThrough().once("close", () => {
    isClosed = true;
  });
  stream.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  if (isClosed) return;
  throw new Error(
    'process.nextTick is faked, and Node opens no socket without it; leave it out: sinon.useFakeTimers({ toNotFake: ["nextTick", "queueMicrotask"] })',
  );
}
