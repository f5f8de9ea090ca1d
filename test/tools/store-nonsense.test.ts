/** A file that holds nonsense: whose login cannot be read is told, and the others are there. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import type { Account } from "../../tools/store/account.js";
import { Store } from "../../tools/store/store.js";
import { World } from "./world.js";

const accountOf = (name: string): Account => ({
  ...{ team: "acme", name, type: "platform", method: "browser", issuer: "https://id.example.com" },
  ...{ clientId: "motekey-cli", subject: name, email: name, organization: null, scope: "openid" },
  ...{ accessToken: "canary-access", refreshToken: "canary-refresh", issuedAtMs: 0, expiresAtMs: 1000 },
  ...{ refreshExpiresAtMs: null, ended: false, audiences: [], earlier: [], kept: {} },
});

describe("a store with nonsense", () => {
  let world: World;
  let store: Store;

  beforeEach(() => {
    world = new World();
    store = new Store(world.config, world.keychain);
  });
  afterEach(() => world.end());
  const text = (): string => readFileSync(world.config, "utf8");

  it("an entry that holds nonsense keeps no other out, and stays until a login takes its place", async () => {
    await store.prepare("file");
    await store.change((change) => {
      for (const name of ["ann", "bob"]) change.put(accountOf(name), "file");
    });
    const state = JSON.parse(text());
    const [ann, bob] = state.accounts;
    const spoil = (more: object) => ({ ...bob, open: { ...bob.open, ...more } });
    const nonsense: [content: unknown, why: RegExp][] = [
      [spoil({ expiresAtMs: 1e300 }), /^it is wrong at open\.expiresAtMs$/],
      [spoil({ issuedAtMs: -1 }), /^it is wrong at open\.issuedAtMs$/],
      [spoil({ accessToken: 42 }), /^it is wrong at open\.accessToken$/],
      [spoil({ kept: null }), /^it is wrong at open\.kept$/],
      [{ ...bob, open: "canary" }, /^it is wrong at open$/],
      [{ team: 1, name: [], sealed: {} }, /^it is wrong at /],
      ["canary", /^it is wrong at its top$/],
      [null, /^it is wrong at its top$/],
    ];
    for (const [content, why] of nonsense) {
      writeFileSync(world.config, JSON.stringify({ ...state, accounts: [content, ann] }));
      const { accounts, unreadable } = await store.read();
      assert.deepEqual(
        accounts.map(({ name }) => name),
        ["ann"],
      );
      assert.match(unreadable[0]?.why ?? "", why);
      await store.change((change) => change.makeDefault(accountOf("ann")));
      assert.deepEqual(JSON.parse(text()).accounts.at(-1), content, "kept as it is");
    }
    writeFileSync(world.config, JSON.stringify({ ...state, accounts: [spoil({ expiresAtMs: 1e300 }), ann] }));
    await store.change((change) => change.put(accountOf("bob"), "file"));
    const { accounts, unreadable } = await store.read();
    assert.deepEqual([accounts.length, unreadable.length], [2, 0]);
  });
});
