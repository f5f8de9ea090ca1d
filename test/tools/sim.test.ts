/** `motekey sim`: a fleet of simulated devices, its answer, and the file of what failed. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { drawPlan, keptText, LEVELS, type Plan } from "../../host-sim/world/index.js";
import { good } from "./acme.js";
import { hasItsFields } from "./fields.js";
import { World } from "./world.js";

const FEW = "sim --devices 3 --days 0.1 --workers 1";

describe("motekey sim", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.end());
  const json = async (line: string) => JSON.parse(good(await world.line(`${line} --json`)).stdout);

  it("runs so many devices for so long, and says in JSON and in words what became of them", async () => {
    const answer = await json(`${FEW} --faults many`);
    hasItsFields("sim", answer);
    assert.deepEqual([answer.seed, answer.devices, answer.days, answer.faults], [1, 3, 0.1, "many"]);
    assert.match(answer.hash, /^[0-9a-f]{16}$/);
    assert.deepEqual(answer.violations, []);
    assert.ok(answer.fault_count > 3 && answer.boots >= 3 && answer.calls_by_end["get OK"] > 10);
    assert.equal((await json(`${FEW} --faults none`)).fault_count, 0);
    const { stdout, stderr } = good(await world.line(FEW));
    assert.match(stdout, /^Ran {5}3 devices for 0\.1 days, seed 1, faults: ordinary/);
    assert.match(stdout, /Tokens {2}asked for [\d,]+ times: [\d.]+ % OK/);
    assert.match(stdout, /\nAll checks held\.\n$/);
    assert.match(stderr, /^(\d of 3 devices, .*\n)*$/);
  });

  it("the same seed has the same hash with one worker and with two; another seed has another", async () => {
    const line = "sim --devices 9 --days 0.02";
    const one = await json(`${line} --workers 1`);
    assert.equal((await json(`${line} --workers 2`)).hash, one.hash);
    assert.notEqual((await json(`${line} --workers 2 --seed 2`)).hash, one.hash);
  });

  it("--core and --broker are those of all devices", async () => {
    const hashes = new Set<string>();
    for (const more of ["byte --broker mosquitto", "espruino --broker mosquitto", "byte --broker rabbitmq"])
      hashes.add(
        (await json(`sim --devices 3 --days 0.5 --faults many --spread 0 --workers 1 --core ${more}`)).hash,
      );
    assert.equal(hashes.size, 3);
  });

  it("--spread spreads all devices, and says where they come at once", async () => {
    const path = join(world.folder, "hall.json");
    const events = [{ kind: "crash", at_s: 900, for_s: 30 }];
    writeFileSync(path, JSON.stringify({ about: "A hall whose power goes.", events }));
    const line = `sim --devices 40 --days 0.02 --core byte --scenario ${path}`;
    const spread = await json(line);
    assert.deepEqual([spread.spread_s, spread.busiest_second_bound, spread.violations], [300, 20, []]);
    assert.ok(spread.busiest_second <= 20);
    const { exit, stdout } = await world.line(`${line} --spread 3600 --json`);
    assert.deepEqual([exit, JSON.parse(stdout).busiest_second_bound], [0, 20]);
    const atOnce = await json(`${line} --spread 0`);
    assert.deepEqual([atOnce.spread_s, atOnce.busiest_second_bound], [0, null]);
    assert.ok(atOnce.busiest_second >= 40);
    const told = await world.line(`${line} --spread 1`);
    assert.match(told.stdout, /Busiest +\d+ requests within a second, of 140 at the most/);
  });

  for (const [words, why] of [
    ["--devices 0", /--devices is a whole number from 1 to 1000000, not '0'/],
    ["--devices 2.5", /--devices is a whole number/],
    ["--days no", /--days is a number from 0\.01 to 3650, not 'no'/],
    ["--seed -1", /--seed/],
    ["--seed 4294967296", /--seed is a whole number from 0 to 4294967295/],
    ["--spread 1.5", /--spread is a whole number from 0 to 86400, not '1\.5'/],
    ["--workers 0", /--workers is a whole number from 1 to 256/],
    ["--faults some", /--faults/],
    ["--broker other", /--broker/],
  ] as const)
    it(`'sim ${words}' is wrong usage`, async () => {
      const { exit, stderr, stdout } = await world.line(`sim ${words}`);
      assert.deepEqual([exit, stdout], [2, ""]);
      assert.match(stderr, why);
    });

  it("--keep with a folder that is not there is told before anything runs", async () => {
    const { exit, stderr, stdout } = await world.line("sim --devices 1000000 --keep nowhere");
    assert.deepEqual([exit, stdout], [1, ""]);
    assert.match(stderr, /Cannot write nowhere: .+\. Choose a folder by --keep\./);
  });

  it("--report writes one file with the run and its plots, and nothing from elsewhere", async () => {
    const path = join(world.folder, "out.html");
    const answer = await json(
      `sim --devices 4 --days 0.3 --workers 1 --faults many --core byte --report ${path}`,
    );
    const html = readFileSync(path, "utf8");
    assert.ok(html.includes("4 devices for 0.3 days, seed 1, faults: many<") && html.includes(answer.hash));
    assert.match(html, /All checks held/);
    assert.match(html, /motekey sim --devices 4 --days 0\.3 --seed 1 --faults many --spread 300 --core byte/);
    assert.doesNotMatch(html.replaceAll(/ xmlns="[^"]+"/g, ""), /https?:|<script|<link|<img|url\(/);
    assert.equal(html.match(/<svg /g)?.length, 5, "five plots");
    assert.equal(html.match(/busiest second: \d+ requests/g)?.length, 3, "by its own waits and two others");
    assert.equal(html.match(/<title>[\d.]+ to [\d.]+ %: /g)?.length, answer.token_age.length);
    const points = /<polyline class="line" points="([^"]+)"/.exec(html)?.[1].split(" ");
    assert.equal(points?.length, Math.ceil(0.3 * 24 * 60), "a point for each minute");
    const shown = Object.entries(answer.calls_by_end as Record<string, number>).filter(
      ([name]) => !name.endsWith(" OK"),
    );
    for (const [name] of shown.sort(([, one], [, other]) => other - one).slice(0, 12))
      assert.ok(html.includes(`>${name}</text>`), name);
    const { exit, stderr } = await world.line("sim --devices 1000000 --report nowhere/out.html");
    assert.equal(exit, 1);
    assert.match(stderr, /Cannot write nowhere: .+\. Choose another place by --report\./);
    assert.equal((await world.line("sim --replay kept.json --report out.html")).exit, 2);
  });

  it("--scenario has all go through what a file says, and says what of a file is wrong", async () => {
    const path = join(world.folder, "hall.json");
    const events = [{ kind: "crash", at_s: 600, for_s: 30 }];
    writeFileSync(path, JSON.stringify({ about: "A hall whose power goes.", broker: "rabbitmq", events }));
    const answer = await json(`sim --devices 5 --days 0.02 --workers 1 --scenario ${path}`);
    assert.deepEqual([answer.faults, answer.fault_count, answer.boots], ["hall", 5, 10]);
    for (const [text, why] of [
      ["{", /is no scenario/],
      ['{"about":"x","fault":{}}', /'fault' is none of/],
      ['{"about":"x","faults":{"flood":1}}', /faults\.flood is none of/],
      ['{"about":"x","events":[{"kind":"crash"}]}', /events\[0\]\.at_s is no number from 0 on/],
    ] as const) {
      writeFileSync(path, text);
      const { exit, stderr } = await world.line(`sim --scenario ${path}`);
      assert.equal(exit, 2, text);
      assert.match(stderr, why);
    }
    assert.equal((await world.line("sim --scenario nothing.json")).exit, 1);
    assert.equal((await world.line(`sim --scenario ${path} --faults many`)).exit, 2);
  });

  it("--record writes a device's trace, which --replay has the firmware live through again", async () => {
    const path = join(world.folder, "trace.ndjson");
    const recorded = await json(`sim --record ${path} --days 0.2 --faults few --seed 5`);
    assert.deepEqual([recorded.devices, recorded.violations, recorded.trace], [1, [], null]);
    const answer = await json(`sim --replay ${path}`);
    hasItsFields("sim", answer);
    const lines = readFileSync(path, "utf8").trim().split("\n");
    assert.deepEqual(
      [answer.trace.lines, answer.boots, answer.trace.difference],
      [lines.length, recorded.boots, null],
    );
    assert.ok(answer.trace.states.includes("READY"));
    const { stdout } = good(await world.line(`sim --replay ${path}`));
    assert.match(stdout, /^Replayed [\d,]+ lines, \d+ boots?; states: .*READY.*\nThe firmware did all that/);
    const at = lines.findIndex((line) => line.includes("READY"));
    lines[at] = (lines[at] as string).replace("READY", "WAITING");
    writeFileSync(path, lines.join("\n"));
    const { exit, stdout: other } = await world.line(`sim --replay ${path}`);
    assert.equal(exit, 1);
    assert.match(other, new RegExp(`Line ${at + 1} of the trace: .*WAITING.*\\nThe firmware did: .*READY`));
    writeFileSync(path, '{"t":1,"wake":true}\n');
    const { exit: wrong, stderr } = await world.line(`sim --replay ${path}`);
    assert.equal(wrong, 2);
    assert.match(stderr, /is no trace that replays: no line has a boot/);
    assert.equal((await world.line("sim --record nowhere/trace --days 0.01")).exit, 1);
  });

  const plan: Plan = drawPlan({ seed: 9, forMs: 7_200_000, rates: LEVELS.ordinary }, 4);
  const file = (text: string): string => {
    writeFileSync(join(world.folder, "kept.json"), text);
    return `sim --replay ${join(world.folder, "kept.json")}`;
  };
  const kept = (changes: object): string =>
    keptText({ ...plan, ...changes }, { check: "token", what: "something", atMs: 5 });

  it("--replay runs what a file keeps, and says what of a file is wrong", async () => {
    const answer = await json(file(kept({})));
    assert.deepEqual([answer.devices, answer.seed, answer.violations], [1, 9, []]);
    assert.equal((await json(file(kept({})))).hash, answer.hash);
    for (const [text, why] of [
      ["{", /no failure that 'motekey sim' kept/],
      ["[]", /the file is no object/],
      [kept({}).replace('"version": 1', '"version": 2'), /version is not 1/],
      [kept({ core: "other" }), /plan\.core is none of byte, espruino/],
      [kept({ seed: -1 }), /plan\.seed is no number from 0 on/],
      [kept({ faults: [{ kind: "flood", atMs: 1, forMs: 1, n: 1 }] }), /plan\.faults\[0\]\.kind is none of/],
      [kept({ faults: [{ kind: "reset", atMs: 1, forMs: 1 }] }), /plan\.faults\[0\] needs atMs, forMs and n/],
    ] as const) {
      const { exit, stderr } = await world.line(file(text));
      assert.equal(exit, 2, text);
      assert.match(stderr, why);
    }
    const { exit, stderr } = await world.line("sim --replay nothing.json");
    assert.equal(exit, 1);
    assert.match(stderr, /Cannot read nothing\.json/);
  });

  it("a failure is told with its check, its device and its moment, and exits with 1", async () => {
    // A token that lives no second cannot be had: it stands for a firmware that gets none.
    const { exit, stdout } = await world.line(
      `${file(kept({ lifetimeS: 0, faults: [], proof: "password" }))} --json`,
    );
    assert.equal(exit, 1);
    const [violation] = JSON.parse(stdout).violations;
    assert.deepEqual([violation.check, violation.device], ["service", 4]);
    assert.ok(violation.at_s > 0);
    const { stdout: text } = await world.line(file(kept({ lifetimeS: 0, faults: [], proof: "password" })));
    assert.match(
      text,
      /1 check failed:\n {2}service: getToken came to \w+ .* — device 4 \(\w+ core\), [\d.]+ s/,
    );
  });
});
