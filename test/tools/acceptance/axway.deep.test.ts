/** Axway's page "Authentication" of its command line, example after example in its order, with `motekey` for `axway`. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { good, json } from "../acme.js";
import { Place } from "./place.js";

const ANN = { username: "ann", password: "canary-password", email: "ann@example.com" };
const SECRET = { clientId: "DOSA_0123456789abcdef0123456789abcdef", secret: "canary-client-secret" };
const KEYED = "DOSA_fedcba9876543210fedcba9876543210";

describe("acceptance: Axway", () => {
  let place: Place;
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 });

  before(async function () {
    place = await Place.open(this, {
      organizations: [
        { name: "Acme Corp", teams: ["acme"] },
        { name: "Other Org", teams: ["other"] },
      ],
      users: [
        {
          ...ANN,
          memberships: [{ organization: "Acme Corp", role: "admin" }, { organization: "Other Org" }],
        },
      ],
      serviceAccounts: [
        SECRET,
        { clientId: KEYED, publicKey: key.publicKey.export({ type: "spki", format: "pem" }) },
      ],
    });
    const pem = key.privateKey.export({ type: "pkcs8", format: "pem" });
    writeFileSync(join(place.folder, "pem"), pem, { mode: 0o600 });
  });
  after(() => place?.close());

  const accounts = async () => {
    const list: { account: string; default: boolean }[] = json(await place.line("motekey auth list --json"));
    return list.map(({ account }) => account);
  };
  const loggedIn = /^(✓ Successfully authenticated as|Logged in as user:) /;

  it("ls, list: no accounts, and their JSON", async () => {
    assert.deepEqual(json(await place.line("motekey auth ls --json")), []);
    good(await place.line("motekey auth list"));
  });

  it("login: PKCE in the browser", async () => {
    const run = place.line("motekey auth login");
    const page = await place.allowAt(await place.opened(), ANN.username, ANN.password);
    assert.match(page, /terminal/);
    assert.equal(good(await run).stdout, "✓ Successfully authenticated as ann@example.com\n");
  });

  it("login --force: again, though the account is authenticated; --json tells the account, and no token", async () => {
    const run = place.line("motekey auth login --force --json");
    await place.allowAt(await place.opened(), ANN.username, ANN.password);
    const said = await run;
    assert.equal(json(said).account, ANN.email);
    assert.equal(json(said).type, "platform");
    const { stdout: token } = good(await place.line("motekey auth token"));
    assert.ok(!said.stdout.includes(token.trim()));
  });

  it("login --no-launch-browser: shows the address; any machine's browser confirms it", async () => {
    const run = place.shell("motekey auth login --force --no-launch-browser 2>&1 | tee told");
    const url = await place.toldIn("told", /https?:\S+user_code=\S+|https?:\S+\/device\S*/);
    await place.allowAt(url, ANN.username, ANN.password);
    assert.match(good(await run).stdout, /✓ Successfully authenticated as ann@example\.com/);
  });

  const both = `--client-secret ${SECRET.secret} --username ${ANN.email}`;
  const lines: [name: string, line: string, name2: string][] = [
    [
      "service account with user name and client secret",
      `--client-id ${SECRET.clientId} ${both}`,
      `${ANN.email}/${SECRET.clientId}`,
    ],
    [
      "service account with user name and PEM file",
      `--client-id ${KEYED} --secret-file ./pem --username ${ANN.email}`,
      `${ANN.email}/${KEYED}`,
    ],
  ];
  for (const [name, words, account] of lines) {
    it(`${name}: asks for the password`, async () => {
      const asked = await place.converse(`motekey auth login --force ${words}`, [
        ["Enter password: ", `${ANN.password}\r`],
      ]);
      assert.equal(asked.exit, 0, asked.stdout);
      assert.ok((await accounts()).includes(account));
    });

    it(`${name}: --password for a login without questions`, async () => {
      const said = good(await place.line(`motekey auth login --force ${words} --password ${ANN.password}`));
      assert.match(said.stdout, loggedIn);
    });
  }

  it("service account by client secret, and by PEM file", async () => {
    good(
      await place.line(`motekey auth login --client-id ${SECRET.clientId} --client-secret ${SECRET.secret}`),
    );
    good(await place.line(`motekey auth login --client-id ${KEYED} --secret-file ./pem`));
    const known = await accounts();
    assert.ok(known.includes(SECRET.clientId) && known.includes(KEYED), known.join());
    const types = json(await place.line("motekey auth ls --json=account,type"));
    assert.ok(types.some((one: object) => JSON.stringify(one) === `{"account":"${KEYED}","type":"service"}`));
  });

  it("the short flags -c, -s, -u and -p", async () => {
    good(await place.line(`motekey auth login --force --client-id ${SECRET.clientId} -c ${SECRET.secret}`));
    good(
      await place.line(
        `motekey auth login --force --client-id ${KEYED} -s ./pem -u ${ANN.email} -p ${ANN.password}`,
      ),
    );
  });

  it("the slip '-username' gets a hint", async () => {
    const said = await place.line(
      `motekey auth login --client-id ${KEYED} --secret-file ./pem -username ${ANN.email}`,
    );
    assert.match(said.stderr, /Did you mean '--username'\?/);
    assert.equal(said.exit, 2);
  });

  it("the access token lasts 30 minutes", async () => {
    const { expires_at } = json(await place.line("motekey auth status --json"));
    const minutes = (Date.parse(expires_at) - Date.now()) / 60_000;
    assert.ok(minutes > 25 && minutes <= 30, String(minutes));
  });

  it("switch --account, and --org by name; a service account skips the organization", async () => {
    good(await place.line(`motekey auth switch --account ${KEYED}`));
    assert.equal(json(await place.line("motekey auth status --json")).account, KEYED);
    const platform = `${ANN.email}/motekey-cli`;
    good(await place.run(["auth", "switch", "--account", platform, "--org", "Other Org"]));
    assert.equal(json(await place.line("motekey auth whoami --json")).organization, "Other Org");
    assert.equal(typeof json(await place.line(`motekey auth switch --account ${platform} --json`)), "object");
  });

  it("whoami: the account and the organization; the slip 'whomai' gets a hint", async () => {
    const { stdout } = good(await place.line("motekey auth whoami"));
    assert.match(stdout, /^Email: {8}ann@example\.com$/m);
    assert.match(stdout, /^Organization: Other Org$/m);
    assert.match((await place.line("motekey auth whomai")).stderr, /Did you mean whoami\?/);
  });

  it("logout of one account, then of all: what was revoked, as JSON", async () => {
    const one = json(await place.line(`motekey auth logout --force --json ${KEYED}`));
    assert.deepEqual(
      one.map(({ account, result }: Record<string, string>) => [account, result])[0]?.[0],
      KEYED,
    );
    const all = json(await place.line("motekey auth logout --all --force --json"));
    assert.ok(all.length >= 2, JSON.stringify(all));
    for (const { result } of all) assert.equal(result, "revoked");
    assert.deepEqual(await accounts(), []);
  });
});
