/** The rules of life: what the tests of the other core ask, in virtual time, Espruino's core answers too. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILES = [
  "tokens",
  "refresh",
  "session",
  "sleep",
  "revocation",
  "recovery",
  "failover",
  "calls",
  "results",
  "loss",
].map((name) => `test/auth/${name}.test.ts`);

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
  "a connection is given up when it is cut, which is told though the next attempt is due at once":
    "its random numbers are its own",
  "a connection is given up when it is ended for a mistake of the broker's, which is told though the next attempt is due at once":
    "its random numbers are its own",
};

interface Report {
  readonly stats: { readonly passes: number };
  readonly failures: readonly { readonly fullTitle: string; readonly err: { readonly message?: string } }[];
}

/** Runs those files with Espruino's core in the other's place. */
const report = (): Promise<Report> =>
  new Promise((resolve, reject) => {
    const mocha = spawn(
      process.execPath,
      ["node_modules/mocha/bin/mocha.js", "--reporter", "json", ...FILES],
      {
        cwd: ROOT,
        env: { ...process.env, MOTEKEY_CORE: "espruino" },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let text = "";
    mocha.stdout.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    mocha.once("error", reject);
    mocha.once("close", () => {
      const from = text.indexOf('{\n  "stats"');
      if (from < 0) reject(new Error(`mocha told nothing: ${text.slice(-400)}`));
      else resolve(JSON.parse(text.slice(from)) as Report);
    });
  });

describe("Espruino's core and the rules of life", () => {
  it("hold together, but for what it is said not to share", async () => {
    const { stats, failures } = await report();
    const found = failures.filter(({ fullTitle }) => DIFFERENCES[fullTitle] === undefined);
    assert.deepEqual(
      found.map(({ fullTitle, err }) => `${fullTitle}: ${err.message}`),
      [],
    );
    const failed = new Set(failures.map(({ fullTitle }) => fullTitle));
    assert.deepEqual(
      Object.keys(DIFFERENCES).filter((title) => !failed.has(title)),
      [],
      "a difference that is none any more: take it off the list",
    );
    assert.ok(stats.passes > 150, `${stats.passes} rules hold`);
  });
});
