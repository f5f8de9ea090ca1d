import assert from "node:assert/strict";
import type { StoryEvent } from "../../host-sim/story/events.js";
import { Teller } from "../../host-sim/story/teller.js";

const REVOKED: StoryEvent = { event: "revoked", host: "app.example.com", ms: 1.23456 };
const PROGRESS = { devices: 500, arrived: 312, failed: 1 };
const LINE = /^ +0\.\d\d s {2}revoked {5}all tokens for app\.example\.com in 1\.2 ms\n$/;

/** What a teller wrote, on a terminal or not. */
function told(
  { isTTY = false, json = false, environment = {} as NodeJS.ProcessEnv },
  act: (teller: Teller) => void,
): string {
  let text = "";
  const write = (piece: string): void => {
    text += piece;
  };
  act(new Teller({ isTTY, write }, json, environment));
  return text;
}

describe("the story's teller", () => {
  it("writes plain lines where there is no terminal, or NO_COLOR is set", () => {
    assert.match(
      told({}, (teller) => teller.tell(REVOKED)),
      LINE,
    );
    assert.match(
      told({ isTTY: true, environment: { NO_COLOR: "1" } }, (teller) => teller.tell(REVOKED)),
      LINE,
    );
  });

  it("tells of a broker that is lost, and of its return, at once", () => {
    const text = told({}, (teller) => {
      teller.tell({ event: "broker", trouble: "Cannot connect to the broker mqtt://a:1: it is gone" });
      teller.tell({ event: "broker", trouble: null });
    });
    assert.match(
      text,
      /broker {6}Cannot connect to .*: it is gone\n.*broker {6}the cloud is attached again\n$/,
    );
  });

  it("has colours on a terminal", () => {
    const text = told({ isTTY: true }, (teller) => teller.tell(REVOKED));
    assert.ok(text.includes("\x1b[32mrevoked"), JSON.stringify(text));
  });

  it("writes JSON rounded to thousandths, one event a line, without colours", () => {
    const text = told({ isTTY: true, json: true }, (teller) => teller.tell(REVOKED));
    assert.equal(text, '{"event":"revoked","host":"app.example.com","ms":1.235}\n');
  });

  it("shows progress on a terminal, ten times a second at most, and wipes it before the next line", () => {
    const text = told({ isTTY: true, environment: { NO_COLOR: "1" } }, (teller) => {
      teller.progress(PROGRESS);
      teller.progress({ ...PROGRESS, arrived: 313 });
      teller.tell(REVOKED);
    });
    const [before, shown, line] = text.split("\r\x1b[K");
    assert.deepEqual([before, shown?.trim()], ["", "312 of 500 have their token, 1 failed"]);
    assert.match(line ?? "", LINE);
  });

  it("shows no progress elsewhere", () => {
    assert.equal(
      told({}, (teller) => teller.progress(PROGRESS)),
      "",
    );
    assert.equal(
      told({ isTTY: true, json: true }, (teller) => teller.progress(PROGRESS)),
      "",
    );
  });

  it("says of a failure what happened", () => {
    const text = told({}, (teller) =>
      teller.tell({ event: "done", ok: false, reason: "No broker there.", ms: 1 }),
    );
    assert.match(text, / failed {6}No broker there\.\n$/);
  });
});
