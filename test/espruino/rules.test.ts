/** The rules of life: what the tests of the other core ask, in virtual time, Espruino's core answers too. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import Mocha from "mocha";
import { COUNTS_NOTHING } from "../../host-sim/espruino/client.js";
import { useCore } from "../auth/world.js";
import { virtualClient } from "./world.js";

const FILES = [
  "tokens",
  "refresh",
  "session",
  "seal",
  "sleep",
  "revocation",
  "recovery",
  "failover",
  "calls",
  "results",
  "loss",
  "spread",
].map((name) => fileURLToPath(new URL(`../auth/${name}.test.ts`, import.meta.url)));

/** What it does not share, and why. All else holds. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  "a token is not asked for of a host that no host is called: quotes, backslashes, control characters":
    "it says less of a wrong option",
  "a handle is the same for the same name": "the test's handle is made anew",
  "a handle is refused for an empty name, a long one, and beyond limits.hosts":
    "it says less of a wrong option",
  "a token's life that GetToken's JWT would tell is not believed: it is renewed at once":
    "each host keeps its token: none leaves for another",
  "a token's life cannot be without a limit": "it says less of a wrong option",
  "a refresh that fails is counted and tried again while the old token serves": "it counts nothing",
  "a refresh that the cloud refuses for good leaves the old token to its end, and then says why":
    "it counts nothing",
  "a clock that wraps at 2^32 ms changes nothing": "its clock is the wall clock, which does not wrap",
  "a clock that wraps from 2^31 − 1 to −2^31 changes nothing":
    "its clock is the wall clock, which does not wrap",
  "a clock that wraps while a call is under way ends the call in time":
    "its clock is the wall clock, which does not wrap",
  "keep-alive finds a line dead on which messages leave at QoS 0 more often than that":
    "the app's messages are not in this file",
  "a reconnect of a kept session redelivers what was not acknowledged: DUP, the same packet identifier, the same frame":
    "it has no kept sessions",
  "a reconnect of a kept session sends nothing but CONNECT and SUBSCRIBE before CONNACK tells whether it was kept":
    "it has no kept sessions",
  "a reconnect of a session that the broker forgot publishes anew, without DUP": "it has no kept sessions",
  "a reconnect of a kept session publishes what was acknowledged but not answered as a new message":
    "it has no kept sessions",
  "a MAC session takes no answer without a MAC, nor one with a wrong one": "it counts nothing",
  "a MAC session takes one answer once, though QoS 1 brings it twice": "it counts nothing",
  "a MAC session lets a long list come slowly: the answer under way is not given up for another":
    "a list is told whole, within a limit",
  "a device with a store, after a sleep of known length keeps none whose life is a guess, none with its successor under way, and none that does not fit":
    "each host keeps its token: none leaves for another",
  "a device with a store, after a sleep of known length leaves its token in the store and nowhere in memory":
    "texts cannot be wiped",
  "a device with a store, after a sleep of known length is refused a length that is none":
    "it says less of a wrong option",
  "a device whose counter is behind has its token after one connection more, well within a second of the refusal":
    "it counts nothing",
  "a device whose counter is behind is not READY before it is in as itself, and says why meanwhile":
    "it counts nothing",
  "a device whose counter is behind that is suspended meanwhile asks again when it is resumed":
    "it counts nothing",
  "a recovery is made no more than once per wait and not at all by devices that no counter proves":
    "it has no digest",
  "a refused counter of the frames is no reason for anything once the cloud has proved itself in that session":
    "it counts nothing",
  "a list of places where the cloud is reached the first is used as long as it serves":
    "explain() names no place",
  "a list of places where the cloud is reached what keeps us from one place is told with that place, until the next is tried":
    "explain() names no place",
  "a list of places where the cloud is reached a port that cannot be is told":
    "it says less of a wrong option",
  "a call that is not answered is published again under the same id, and ends with TIMEOUT at its deadline":
    "it counts nothing",
  "a call takes the answer to its first publishing after the second, and counts the other as unknown":
    "it counts nothing",
  "a call whose answer comes after its deadline is not told again": "it counts nothing",
  "a result that is an error has the value false": "no verdict where there is no answer",
  "a result of ListToken with a host that is too long says so, and tells the others":
    "a list is told whole, within a limit",
  "a result of ListToken that breaks off was provisional: the call ends, and is not made again":
    "a list is told whole, within a limit",
  "a fleet that spreads is refused by the broker that served it, at one moment, and asks for its counters over the whole window":
    "it speaks MQTT 3.1.1, where a broker refuses nobody it has let in",
  "a connection is given up when it is cut, which is told though the next attempt is due at once":
    "its random numbers are its own",
  "a connection is given up when it is ended for a mistake of the broker's, which is told though the next attempt is due at once":
    "its random numbers are its own",
};

/** How one test of the other core went with this one. */
interface Verdict {
  readonly title: string;
  /** undefined: it passed. */
  readonly error: string | undefined;
}

const BDD = ["describe", "context", "it", "specify", "before", "after", "beforeEach", "afterEach"] as const;

/** Runs those files once more, in this process, with Espruino's core in the other's place. */
const verdicts = async (): Promise<Verdict[]> => {
  const told: Verdict[] = [];
  // The reporter that says nothing; a decorator is what the types leave out.
  const mocha = new Mocha({ timeout: 120_000, reporter: Mocha.reporters.Base });
  const load: (options: { esmDecorator: (file: string) => string }) => Promise<void> =
    mocha.loadFilesAsync.bind(mocha);
  const ours = BDD.map((name) => [name, globalThis[name]] as const);
  for (const file of FILES) mocha.addFile(file);
  // They may be loaded already, for the other core: forgotten where mocha requires, another name where it imports.
  mocha.unloadFiles();
  useCore(virtualClient);
  try {
    await load({ esmDecorator: (file) => `${file}?core=espruino` });
    Object.assign(globalThis, Object.fromEntries(ours));
    await new Promise<void>((resolve) => {
      const runner = mocha.run(() => resolve());
      runner.on("pass", (test) => told.push({ title: test.fullTitle(), error: undefined }));
      runner.on("fail", (test, error) => told.push({ title: test.fullTitle(), error: error.message }));
    });
  } finally {
    useCore(undefined);
  }
  return told;
};

describe("Espruino's core and the rules of life", () => {
  let told: Verdict[];
  before(async () => {
    told = await verdicts();
  });

  it("hold together, but for what it is said not to share", () => {
    const found = told.filter(({ title, error }) => error !== undefined && DIFFERENCES[title] === undefined);
    assert.deepEqual(
      found.map(({ title, error }) => `${title}: ${error}`),
      [],
    );
    const passed = told.filter(({ error }) => error === undefined);
    assert.ok(passed.length > 150, `${passed.length} rules hold`);
  });

  it("differ where they are said to, and for that reason", () => {
    const failed = new Map(told.map(({ title, error }) => [title, error]));
    for (const [title, why] of Object.entries(DIFFERENCES)) {
      const error = failed.get(title);
      assert.ok(error !== undefined, `a difference that is none any more: take "${title}" off the list`);
      assert.equal(error === COUNTS_NOTHING, why === "it counts nothing", `${title}: ${error}`);
    }
  });
});
