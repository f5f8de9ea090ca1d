/** docs/cli: pages that say what --help says, rows that a test holds, and recipes that run. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Identity, startIdentity } from "../../host-sim/index.js";
import { Exit } from "../../tools/cli/failure.js";
import { OBSTACLES, REASONS } from "../../tools/doctor/finding.js";
import { program } from "../../tools/program.js";
import { Platform } from "../identity/platform.js";
import { MOTEKEY, needProgram } from "../tools/process.js";
import { World } from "../tools/world.js";
import {
  COMMANDS,
  contractPage,
  DOCTOR_REASONS,
  EXITS,
  itemsOf,
  testsOfContract,
  VARIABLES,
} from "./contract.js";
import { migrationPage, ROWS } from "./migration.js";
import { hasTest, pagesOf } from "./pages.js";

const FOLDER = new URL("../../docs/cli/", import.meta.url);
const TOOLS = new URL("../../tools/", import.meta.url);
const TESTS = new URL("../tools/", import.meta.url);
const read = (file: string) => readFileSync(new URL(file, FOLDER), "utf8");

describe("docs/cli", () => {
  const root = program((command) => command);
  const pages = [...pagesOf(root), migrationPage(), contractPage(root)];

  it("has a page for every command, and no other", () => {
    const files = [...pages.map(({ file }) => file), "ci.md"].sort();
    assert.deepEqual(readdirSync(FOLDER).sort(), files);
  });

  for (const { file, text } of pages) {
    it(`${file} is what its source says; 'npm run docs' makes it anew`, () => {
      assert.equal(read(file), text);
    });
  }

  it("each row of the migration and of the contract is held by a test of that title", () => {
    const migration = Object.values(ROWS).flatMap((rows) => rows.map(({ test }) => test));
    for (const [file, title] of [...migration, ...testsOfContract()]) {
      const code = readFileSync(new URL(`${file}.test.ts`, TESTS), "utf8");
      assert.ok(hasTest(code, title), `${file}: ${title}`);
    }
  });

  describe("the contract has", () => {
    const same = (held: object, names: Iterable<string>) =>
      assert.deepEqual(Object.keys(held).sort(), [...names].sort());

    it("every command and every flag, and no other", () => same(COMMANDS, itemsOf(root).keys()));

    it("every variable that the sources read", () => {
      const sources = readdirSync(TOOLS, { recursive: true, encoding: "utf8" })
        .filter((file) => /^(?!node_modules|dist|\.cache).*\.ts$/.test(file))
        .map((file) => readFileSync(new URL(file, TOOLS), "utf8"));
      const read = new Set(sources.join("\n").match(/\bMOTEKEY_[A-Z_]+\b/g));
      same(Object.fromEntries(Object.entries(VARIABLES).filter(([name]) => /^MOTEKEY_/.test(name))), read);
    });

    it("every exit status, and every reason of doctor's own", () => {
      same(EXITS, Object.keys(Exit));
      same(DOCTOR_REASONS, [...Object.keys(REASONS), ...Object.keys(OBSTACLES)]);
    });
  });

  describe("ci.md's recipes run:", () => {
    const recipes = [...read("ci.md").matchAll(/^## (.*)\n[\s\S]*?^```sh\n([\s\S]*?)^```$/gm)];
    const key = generateKeyPairSync("ed25519");
    let identity: Identity;
    let world: World;

    before(function () {
      needProgram(this, "curl", "curl");
    });
    beforeEach(async () => {
      identity = await startIdentity();
      world = new World();
    });
    afterEach(async () => {
      world.end();
      await identity.close();
    });

    /** A curl that writes down what everybody on the machine sees of it. */
    const CURL = '#!/bin/sh\nprintf "%s\\n" "$@" >>"$HOME/arguments"\nPATH="$PATH_OF_CURL" exec curl "$@"\n';

    const run = async (name: string, env: Record<string, string>): Promise<string> => {
      const script = recipes.find(([, title]) => title === name)?.[2];
      assert.ok(script, name);
      const motekey = `set -eu; motekey() { "${process.execPath}" "${MOTEKEY}" "$@"; }\n`;
      const path = process.env.PATH ?? "";
      writeFileSync(join(world.folder, "curl"), CURL, { mode: 0o700 });
      const paths = { PATH: `${world.folder}:${path}`, PATH_OF_CURL: path, HOME: world.folder };
      const more = { ...paths, MOTEKEY_ISSUER: identity.issuer };
      const child = spawn("sh", ["-c", motekey + script], {
        cwd: world.folder,
        env: { ...more, API: `${identity.issuer}/me`, ...env },
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
      const [code] = await once(child, "close");
      assert.equal(code, 0, said);
      const seen = readFileSync(join(world.folder, "arguments"), "utf8");
      assert.match(seen, /@-$/m);
      assert.doesNotMatch(seen, /Bearer|eyJ/, "a token is among curl's arguments");
      return said;
    };
    const account = () => {
      const publicKey = key.publicKey.export({ type: "spki", format: "pem" }).toString();
      return identity.addServiceAccount({ clientId: "ci", name: "CI", publicKey });
    };
    const writeKey = () =>
      writeFileSync(join(world.folder, "ci.pem"), key.privateKey.export({ type: "pkcs8", format: "pem" }), {
        mode: 0o600,
      });

    it("A service account", async () => {
      await account();
      writeKey();
      assert.match(await run("A service account", { CLIENT_ID: "ci" }), /"type":"service"/);
    });

    it("A token in the environment", async () => {
      await account();
      writeKey();
      const words = ["--client-id", "ci", "--secret-file", join(world.folder, "ci.pem")];
      await world.run(["auth", "login", "--issuer", identity.issuer, ...words]);
      const { stdout } = await world.line("auth token");
      const said = await run("A token in the environment", { TOKEN_FROM_SECRETS: stdout.trim() });
      assert.match(said, /"type":"service"/);
    });

    it("Workload identity", async () => {
      const platform = await Platform.start();
      try {
        const subject = "repo:acme/firmware:ref:refs/heads/main";
        const workload = { issuer: platform.issuer, subject };
        await identity.addServiceAccount({ clientId: "ci", name: "CI", workload });
        const ID_TOKEN = await platform.token(subject, identity.issuer);
        assert.match(await run("Workload identity", { ID_TOKEN }), /"type":"service"/);
      } finally {
        platform.close();
      }
    });
  });
});
