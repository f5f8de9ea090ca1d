/** The store: what is kept, where, with which permissions, and what many processes do to it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Account, idOf, labelOf } from "../../tools/store/account.js";
import { withLock } from "../../tools/store/file.js";
import { Store } from "../../tools/store/store.js";
import { compiled } from "../compiled.js";
import { holdLock } from "./process.js";
import { World } from "./world.js";

const SAVER = "test/tools/programs/saver.ts";

/** A login of this name. */
function accountOf(name: string, fields: Partial<Account> = {}): Account {
  return {
    team: "acme",
    name,
    type: "platform",
    method: "password",
    issuer: "https://id.example.com",
    clientId: "motekey-cli",
    subject: name,
    email: name,
    organization: null,
    scope: "openid",
    accessToken: "canary-access",
    refreshToken: "canary-refresh",
    issuedAtMs: 0,
    expiresAtMs: 1000,
    refreshExpiresAtMs: null,
    ended: false,
    audiences: [],
    earlier: [],
    kept: { username: "ann", password: "canary-password", clientSecret: "canary-secret" },
    ...fields,
  };
}

const isFailure = (code: string, told?: RegExp) => (failure: unknown) => {
  const { code: actual, message, next } = failure as { code: string; message: string; next: string };
  assert.equal(actual, code);
  if (told !== undefined) assert.match(`${message} ${next}`, told);
  return true;
};

describe("the store", () => {
  let world: World;
  let store: Store;
  beforeEach(() => {
    world = new World();
    store = new Store(world.config, world.keychain);
  });
  afterEach(() => world.end());

  const saved = async (...accounts: Account[]): Promise<void> => {
    await store.prepare("keychain");
    await store.change((change) => {
      for (const account of accounts) change.put(account);
    });
  };
  const text = (): string => readFileSync(world.config, "utf8");

  it("gives back what was put, also to another process with the same keychain", async () => {
    await saved(accountOf("ann"), accountOf("bob"));
    const { accounts } = await new Store(world.config, world.keychain).read();
    assert.deepEqual(accounts, [accountOf("ann"), accountOf("bob")]);
  });

  it("an account is the default where it is made so, or where there is no other", async () => {
    await saved(accountOf("ann"), accountOf("bob"), accountOf("ann", { team: "other" }));
    assert.deepEqual([(await store.read()).activeTeam, (await store.read()).teams], [null, {}]);
    const usual = async (account: Account, unlessThere: boolean) => {
      await store.change((change) => change.makeDefault(account, unlessThere));
      const { activeTeam, teams } = await store.read();
      return [activeTeam, teams.acme?.account, teams.other?.account];
    };
    const [ann, bob, other] = [accountOf("ann"), accountOf("bob"), accountOf("ann", { team: "other" })].map(
      idOf,
    );
    assert.equal(ann, other);
    assert.deepEqual(await usual(accountOf("ann"), true), ["acme", ann, undefined]);
    assert.deepEqual(await usual(accountOf("bob"), true), ["acme", ann, undefined]);
    assert.deepEqual(await usual(accountOf("ann", { team: "other" }), true), ["acme", ann, other]);
    assert.deepEqual(await usual(accountOf("bob"), false), ["acme", bob, other]);
  });

  it("when the default account goes, no other takes its place", async () => {
    await saved(accountOf("ann"), accountOf("bob"), accountOf("eve", { team: "other" }));
    await store.change((change) => change.makeDefault(accountOf("ann")));
    await store.change((change) => change.remove(accountOf("ann")));
    const { activeTeam, teams } = await store.read();
    assert.deepEqual([activeTeam, teams.acme], ["acme", {}]);
  });

  it("team names that differ in a letter's case or a dash are different teams", async () => {
    const teams = ["My-Team", "my-team", "my_team", "my team", "myteam"];
    await saved(...teams.map((team) => accountOf("ann", { team, accessToken: team })));
    const { accounts } = await store.read();
    assert.deepEqual(
      accounts.map(({ team, accessToken }) => [team, accessToken]),
      teams.map((team) => [team, team]),
    );
  });

  it("no secret can be read in the file, which only its owner may touch", async () => {
    await saved(accountOf("ann"));
    assert.ok(!text().includes("canary"));
    assert.equal(statSync(world.config).mode & 0o777, 0o600);
  });

  it("with insecure storage the tokens are readable for the owner, passwords and clients' secrets are not kept", async () => {
    await store.prepare("file");
    await store.change((change) => change.put(accountOf("ann"), "file"));
    assert.ok(text().includes("canary-access"));
    assert.ok(!text().includes("canary-password"));
    assert.ok(!text().includes("canary-secret"));
    assert.equal(statSync(world.config).mode & 0o777, 0o600);
    const logins = await store.read();
    const { accounts } = logins;
    assert.equal(logins.storageOf(accountOf("ann")), "file");
    assert.deepEqual(accounts[0]?.kept, { username: "ann" });
  });

  it("keeps what people wrote into the file by hand", async () => {
    writeFileSync(
      world.config,
      '{"auth_token":"theirs","teams":{"acme":{"issuer":"https://a","colour":"red"}}}',
      {
        mode: 0o600,
      },
    );
    await saved(accountOf("ann"));
    const { auth_token, teams } = JSON.parse(text());
    assert.equal(auth_token, "theirs");
    assert.deepEqual(teams.acme, { issuer: "https://a", colour: "red" });
  });

  it("one name at two issuers, by two clients and of two subjects is four accounts", async () => {
    const fields = [{}, { issuer: "https://other.example.com" }, { clientId: "other" }, { subject: "other" }];
    await saved(...fields.map((more) => accountOf("ann", more)));
    const { accounts } = await store.read();
    assert.equal(accounts.length, 4);
    const labels = accounts.map((account) => labelOf(account, accounts));
    assert.deepEqual(labels, [
      "ann/id.example.com/motekey-cli/ann",
      "ann/other.example.com",
      "ann/id.example.com/other",
      "ann/id.example.com/motekey-cli/other",
    ]);
    await store.change((change) => change.remove(accountOf("ann", { clientId: "other" })));
    assert.equal((await store.read()).accounts.length, 3);
  });

  it("a login that was refreshed stays the same account, whatever its provider's address ends in", async () => {
    await saved(
      accountOf("ann"),
      accountOf("ann", { issuer: "https://id.example.com/", accessToken: "new" }),
    );
    assert.deepEqual(
      (await store.read()).accounts.map(({ accessToken }) => accessToken),
      ["new"],
    );
  });

  describe("of the first version", () => {
    const FIRST = fileURLToPath(new URL("./store-1.json", import.meta.url));
    beforeEach(async () => {
      copyFileSync(FIRST, world.config);
      chmodSync(world.config, 0o600);
      await world.keychain.set(
        "store-1",
        Uint8Array.from({ length: 32 }, (_, index) => index),
      );
    });
    const told = async () => {
      const { accounts, teams, activeTeam } = await new Store(world.config, world.keychain).read();
      const names = accounts.map(({ name, subject, accessToken }) => [name, subject, accessToken]);
      const usual = accounts.find((account) => teams.acme?.account === idOf(account))?.name;
      return { names, usual, activeTeam };
    };
    const SAME = {
      names: [
        ["ann@example.com", "usr_1", "canary-access"],
        ["ci", null, "canary-access"],
      ],
      usual: "ci",
      activeTeam: "acme",
    };

    it("is read as it is, without a change of the file", async () => {
      const before = text();
      assert.deepEqual(await told(), SAME);
      assert.equal(text(), before);
    });

    it("is written as the second with the next change, and says the same", async () => {
      await saved();
      await store.change((change) => change.setTeam("acme", { issuer: "https://id.example.com" }));
      const { version, accounts } = JSON.parse(text());
      assert.deepEqual([version, accounts.length], [2, 2]);
      assert.equal(accounts[0].id, "https://id.example.com/#motekey-cli/usr_1");
      assert.deepEqual(await told(), SAME);
      // An entry of the second cannot be made one of the first, whose name alone was bound in.
      const { id: _, ...nameless } = accounts[0];
      writeFileSync(
        world.config,
        JSON.stringify({ ...JSON.parse(text()), accounts: [nameless], version: 1 }),
      );
      const { unreadable } = await store.read();
      assert.match(unreadable[0]?.why ?? "", /was changed/);
    });
  });

  it("a file of a later version is refused: it says to update", async () => {
    writeFileSync(world.config, '{"version":3}', { mode: 0o600 });
    await assert.rejects(
      store.read(),
      isFailure("storage_broken", /later motekey \(version 3.*Update this one/),
    );
  });

  it("an entry under another name, or sealed with another key, does not open", async () => {
    await saved(accountOf("ann"));
    const state = JSON.parse(text());
    writeFileSync(
      world.config,
      JSON.stringify({ ...state, accounts: [{ ...state.accounts[0], name: "bob", id: "bob's" }] }),
    );
    const { accounts, unreadable } = await store.read();
    assert.deepEqual(accounts, []);
    assert.equal(unreadable[0]?.owner.name, "bob");
    assert.match(unreadable[0]?.why ?? "", /was changed, or sealed with another key/);
  });

  it("says what to do when the keychain lost the key", async () => {
    await saved(accountOf("ann"));
    const { keychain } = new World();
    await assert.rejects(
      new Store(world.config, keychain).read(),
      isFailure("key_missing", /logout --all --clear/),
    );
  });

  const broken: [name: string, content: string][] = [
    ["no JSON", "canary-token"],
    ["cut off", '{"accounts":[{"team":"canary-token"'],
    ["a list", "[]"],
    ["accounts that are no list", '{"accounts":{"team":"canary-token"}}'],
    ["empty", ""],
  ];
  for (const [name, content] of broken) {
    it(`a file that holds ${name} is refused without quoting it`, async () => {
      writeFileSync(world.config, content, { mode: 0o600 });
      await assert.rejects(store.read(), (failure: Error) => {
        assert.ok(!failure.message.includes("canary"));
        return isFailure("storage_broken", /does not hold what motekey writes: .*Mend it/)(failure);
      });
    });
  }

  it("a symbolic link is refused, for reading and for writing", async () => {
    const target = join(world.folder, "target.json");
    writeFileSync(target, "{}", { mode: 0o600 });
    symlinkSync(target, world.config);
    await assert.rejects(store.read(), isFailure("storage_unsafe", /is a symbolic link/));
    await assert.rejects(saved(accountOf("ann")), isFailure("storage_unsafe"));
    assert.equal(readFileSync(target, "utf8"), "{}");
  });

  it("a folder, or a pipe, in the file's place is refused", async () => {
    mkdirSync(world.config);
    await assert.rejects(store.read(), isFailure("storage_unsafe", /is not a file/));
  });

  it("a file that others may write is refused", async () => {
    await saved(accountOf("ann"));
    chmodSync(world.config, 0o622);
    await assert.rejects(store.read(), isFailure("storage_unsafe", /Others may write .*Run chmod 600/));
  });

  it("another user's file is refused, for reading and for writing", async function () {
    if (process.geteuid?.() !== 0) this.skip();
    await saved(accountOf("ann"));
    chownSync(world.config, 65534, 65534);
    const before = readFileSync(world.config, "utf8");
    await assert.rejects(store.read(), isFailure("storage_unsafe", /belongs to another user/));
    await assert.rejects(saved(accountOf("bob")), isFailure("storage_unsafe"));
    assert.equal(readFileSync(world.config, "utf8"), before);
  });

  it("readable tokens that others can read are refused; of a token written by hand people are warned", async () => {
    await store.prepare("file");
    await store.change((change) => change.put(accountOf("ann"), "file"));
    chmodSync(world.config, 0o644);
    await assert.rejects(store.read(), isFailure("storage_unsafe", /Others can read .*chmod 600/));
    writeFileSync(world.config, '{"auth_token":"theirs"}');
    const { warning, authToken } = await store.read();
    assert.match(warning ?? "", /Others can read .*chmod 600/);
    assert.equal(authToken, "theirs");
  });

  it("a save leaves nothing beside the file, and sweeps what a killed one left", async () => {
    writeFileSync(`${world.config}.4711`, "half");
    await saved(accountOf("ann"));
    assert.deepEqual(readdirSync(world.folder), [basename(world.config)]);
  });

  it("a path below a file cannot be written: told with the file's name, and what to do", async () => {
    writeFileSync(join(world.folder, "file"), "");
    const below = new Store(join(world.folder, "file", "config.json"), world.keychain);
    const told =
      /^Cannot (read|write) .*config\.json: a part of its path is not a folder .*MOTEKEY_CONFIG_PATH/;
    await assert.rejects(below.prepare("keychain"), isFailure("storage_denied", told));
  });

  it("processes that save at the same time lose nothing", async () => {
    const ends = [0, 1, 2, 3].map(async (index) =>
      once(await saver(world.config, `process-${index}`, "5"), "exit"),
    );
    for (const end of await Promise.all(ends)) assert.deepEqual(end, [0, null]);
    const { accounts } = await store.read();
    assert.equal(accounts.length, 20);
  });

  it("kill -9 at any moment of a save leaves the old file or the new one", async function () {
    this.timeout(120_000);
    await Promise.all([killedAfter(0), killedAfter(3), killedAfter(6), killedAfter(9)]);
    await Promise.all([killedAfter(1), killedAfter(4), killedAfter(7), killedAfter(20)]);
  });

  it("a lock whose owner was killed is taken over", async () => {
    await saved(accountOf("ann"));
    mkdirSync(`${world.config}.lock`);
    const old = new Date(Date.now() - 60_000);
    utimesSync(`${world.config}.lock`, old, old);
    await store.change((change) => change.put(accountOf("bob")));
    assert.equal((await store.read()).accounts.length, 2);
  });

  it("a lock that a living process keeps is awaited, then told: storage_busy", async () => {
    const release = await holdLock(world.config);
    try {
      const told = /^Another motekey has held .*config\.json\.lock for more than 1 s\. End it/;
      await assert.rejects(
        withLock(world.config, async () => undefined, 1000),
        isFailure("storage_busy", told),
      );
    } finally {
      await release();
    }
    await withLock(world.config, async () => undefined, 1000);
  });

  /** Kills a process this long after it began to save, and looks at what it left. */
  async function killedAfter(ms: number): Promise<void> {
    const file = join(world.folder, `killed-${ms}.json`);
    const child = await saver(file, "killed", "100000");
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, ms));
    child.kill("SIGKILL");
    await once(child, "exit");
    const { accounts } = await new Store(file, world.keychain).read();
    assert.ok(accounts.length > 0, `nothing was saved in ${ms} ms`);
    assert.deepEqual(
      accounts.map(({ name, accessToken }) => [name, accessToken?.length]),
      accounts.map((_, index) => [`killed-${index}`, 1000]),
    );
  }

  /** A process that saves one account after another, readable: it has no keychain. */
  async function saver(file: string, prefix: string, count: string) {
    const program = await compiled(SAVER);
    return spawn(process.execPath, [program, file, prefix, count], { stdio: ["ignore", "pipe", "inherit"] });
  }
});
