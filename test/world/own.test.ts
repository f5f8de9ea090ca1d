/** A user's own app in the simulated world: bugs that are planted in it are found, and named with their seed. */
import assert from "node:assert/strict";
import sinon from "sinon";
import { Status } from "../../firmware/index.js";
import {
  type WorldDevice,
  WorldError,
  type WorldOptions,
  type WorldSummary,
  world,
} from "../../host-sim/index.js";

const HOST = "app.example.com";
const MINUTE_MS = 60_000;
const few: WorldOptions = { seeds: 3, days: 0.5 };

/** Posts the device's token every ten minutes. @param keeps it has one token for ever */
function reports(device: WorldDevice, keeps: boolean): void {
  const app = device.auth.host(HOST);
  let kept = "";
  const post = (token: string): void =>
    assert.notEqual(device.checkToken(token, HOST).reason, "expired", "a report has a token that is over");
  const report = (): void => {
    if (kept !== "") post(kept);
    else
      app.getToken((_status, token) => {
        if (token === null) return;
        const text = Buffer.from(token.bytes.subarray(0, token.length)).toString();
        if (keeps) kept = text;
        post(text);
      });
  };
  report();
  setInterval(report, 10 * MINUTE_MS);
}

/** Publishes a numbered report every five minutes, those of before the reboot first. @param isDone when one is struck off */
function numbered(device: WorldDevice, isDone: (status: Status) => boolean): void {
  const { messages, flash, id } = device;
  const topic = messages.topic(`app/${id}/up`);
  const open = (flash.get("open") ?? "").split(",").filter((number) => number !== "");
  const keep = (): void => void flash.set("open", open.join());
  const send = (): void => {
    const [first] = open;
    if (first === undefined) return;
    messages.publish(topic, Buffer.from(first), 1, (status) => {
      if (isDone(status)) open.shift();
      keep();
      setTimeout(send, 1_000);
    });
  };
  send();
  setInterval(() => {
    const next = Number(flash.get("next") ?? 0);
    flash.set("next", `${next + 1}`);
    open.push(`${next}`);
    keep();
    send();
  }, 5 * MINUTE_MS);
}

const allArrived = ({ arrived, flash }: WorldDevice): void => {
  const there = new Set(arrived.map(({ text }) => text));
  for (let number = 0; number < Number(flash.get("next")); number++)
    assert.ok(there.has(`${number}`), `report ${number} is lost`);
};

/** What it failed by. */
async function failure(run: Promise<WorldSummary>): Promise<WorldError> {
  try {
    await run;
  } catch (error) {
    assert.ok(error instanceof WorldError, `${error}`);
    return error;
  }
  throw new Error("nothing was found");
}

describe("an app of one's own in the simulated world", () => {
  it("that is right comes through days of faults", async () => {
    const sum = await world((device) => reports(device, false), few);
    assert.equal(sum.seeds, 3);
    assert.ok(sum.boots >= 3 && sum.faults > 9 && sum.tokens > 9, JSON.stringify(sum));
  });

  it("that keeps a token beyond its end is found", async () => {
    const error = await failure(world((device) => reports(device, true), few));
    assert.match(error.message, /^seed 1 failed .* after the start: a report has a token that is over\n/);
    assert.match(error.message, /It needs no fault\.\nThis seed alone: MOTEKEY_SEED=1 before/);
    assert.ok((error.cause as Error).stack?.includes("own.test"), "the app's own place is shown");
  });

  it("whose reports are sent again until they arrive loses none", async () => {
    const sum = await world((device) => numbered(device, (status) => status === Status.OK), {
      ...few,
      end: allArrived,
    });
    assert.ok(sum.messages > 3 * 100, JSON.stringify(sum));
  });

  it("that takes a report for sent before it is connected is found, with the fault that it takes", async () => {
    const error = await failure(world((device) => numbered(device, () => true), { ...few, end: allArrived }));
    assert.match(error.message, /report \d+ is lost\nIt needs: \w+ at .*/);
    assert.equal(error.faults.length, 1, error.message);
  });

  it("fails alike by its seed alone, by the variable too", async () => {
    const app = (device: WorldDevice): void => {
      setTimeout(() => assert.ok(Math.random() < 0.5 && Date.now() > 0, `at ${Date.now()}`), 1_000);
      void device;
    };
    const error = await failure(world(app, { seeds: 50, days: 0.01 }));
    const again = await failure(world(app, { seed: error.seed, days: 0.01 }));
    assert.equal(again.message, error.message);
    process.env.MOTEKEY_SEED = String(error.seed);
    try {
      assert.equal((await failure(world(app, { days: 0.01 }))).message, error.message);
    } finally {
      delete process.env.MOTEKEY_SEED;
    }
  });

  it("may assert in its promises", async () => {
    const wrong = async (device: WorldDevice): Promise<void> => {
      await Promise.resolve();
      assert.equal(device.seed, 0, "in a promise");
    };
    const quick = { seeds: 1, days: 0.01 };
    assert.match((await failure(world(wrong, quick))).message, /in a promise/);
    const unseen = world((device) => {
      device.auth.host(HOST).getToken((() => wrong(device)) as () => void);
    }, quick);
    assert.match((await failure(unseen)).message, /in a promise/);
  });

  it("goes on by virtual time while a test's timers are faked, and leaves them as they were", async () => {
    const clock = sinon.useFakeTimers({ now: 5_000, toNotFake: ["nextTick", "queueMicrotask"] });
    const { setTimeout: faked, Date: fakedDate } = globalThis;
    let fired = 0;
    setTimeout(() => fired++, 1);
    try {
      const seen: number[] = [];
      await world(
        (device) => {
          const startedAtMs = Date.now();
          setTimeout(() => seen.push(Date.now() - startedAtMs, device.nowMs), MINUTE_MS);
          const never = setInterval(() => seen.push(-1), 1);
          clearInterval(never);
        },
        { seeds: 1, days: 0.01, faults: "none" },
      );
      assert.equal(seen[0], MINUTE_MS);
      assert.equal(fired, 0);
      assert.equal(Date.now(), 5_000);
      assert.equal(globalThis.setTimeout, faked);
      assert.equal(globalThis.Date, fakedDate);
    } finally {
      clock.restore();
    }
  });

  it("leaves a test that runs beside it the time that it has", async () => {
    const before = Date.now();
    const run = world((device) => reports(device, false), few);
    const beside = await new Promise<number>((resolve) => setTimeout(() => resolve(Date.now()), 1));
    await run;
    assert.ok(beside >= before && beside < before + MINUTE_MS, `${beside - before} ms`);
  });

  it("boots again after each cut of power, also of one that came while its promise called the firmware", async () => {
    let cuts = 0;
    const sum = await world(
      async (device) => {
        const app = device.auth.host(HOST);
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 20_000));
          app.revokeToken(null); // writes at once
          if (device.boots > 1) cuts = device.boots - 1;
        }
      },
      {
        seeds: 1,
        days: 0.05,
        scenario: {
          about: "the power goes in each write for a while",
          faults: {},
          events: [600, 900, 1_200].map((atS) => ({ kind: "cut", atMs: atS * 1_000, forMs: 0, n: 0 })),
        },
      },
    );
    assert.equal(cuts, 3);
    assert.equal(sum.boots, 4);
  });

  it("hears what is sent to its filters, and nothing else", async () => {
    const heard: string[] = [];
    await world(
      (device) => {
        device.messages.subscribe(
          `app/${device.id}/down/+`,
          ({ bytes, from, to }) => heard.push(Buffer.from(bytes.subarray(from, to)).toString()),
          (status) => {
            assert.equal(status, Status.OK);
            device.send(`app/${device.id}/down/lamp`, "on");
            device.send(`app/${device.id}/down`, "none");
            device.send(`app/${device.id}/down/lamp/two`, "none");
          },
        );
      },
      { seeds: 1, days: 0.01, faults: "none" },
    );
    assert.deepEqual(heard, ["on"]);
  });

  it("says which option cannot be right", async () => {
    await assert.rejects(world(undefined as never), /world's app must be a function/);
    await assert.rejects(
      world(() => undefined, { day: 1 } as never),
      /day.*days/s,
    );
    await assert.rejects(
      world(() => undefined, { faults: "all" as never }),
      /faults.*none.*few.*ordinary/s,
    );
  });

  it("knows tokens as the app's server does", async () => {
    const reasons: (string | undefined)[] = [];
    await world(
      (device) => {
        device.auth.host(HOST).getToken((_status, token) => {
          if (token === null) return;
          const text = Buffer.from(token.bytes.subarray(0, token.length)).toString();
          const check = (host: string, of = text): void =>
            void reasons.push(device.checkToken(of, host).reason);
          check(HOST);
          check("other.example.com");
          check(HOST, "made up");
          device.auth.host(HOST).revokeToken(() => check(HOST));
          setTimeout(() => check(HOST), 25 * 60 * MINUTE_MS);
        });
      },
      { seeds: 1, days: 1.2, faults: "none" },
    );
    assert.deepEqual(reasons, [undefined, "audience", "unknown", "revoked", "expired"]);
  });
});
