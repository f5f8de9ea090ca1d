/** The command line as such: help, usage, words, exit statuses. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { VARIABLES } from "../../tools/cli/variables.js";
import { World } from "./world.js";

interface Row {
  readonly variable: string;
}

describe("the command line", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.end());

  it("--version prints the package's version on stdout", async () => {
    const { version } = JSON.parse(
      readFileSync(new URL("../../tools/package.json", import.meta.url), "utf8"),
    );
    assert.deepEqual(await world.line("--version"), { exit: 0, stdout: `${version}\n`, stderr: "" });
  });

  for (const line of ["--help", "", "help auth", "auth --help", "device --help", "auth login -h"]) {
    it(`'motekey ${line}' shows help with examples on stdout`, async () => {
      const { exit, stdout, stderr } = await world.line(line);
      assert.equal(exit, 0);
      assert.match(stdout, /^Usage: motekey [\s\S]*\nExamples:\n {2}# /);
      assert.equal(stderr, "");
    });
  }

  it("'motekey help environment' has every variable that the sources read; values are never shown", async () => {
    const TOOLS = new URL("../../tools/", import.meta.url);
    const sources = readdirSync(TOOLS, { recursive: true, encoding: "utf8" })
      .filter((file) => /^(?!node_modules|dist|\.cache|cli\/variables).*\.ts$/.test(file))
      .map((file) => readFileSync(new URL(file, TOOLS), "utf8"));
    const read = [...new Set(sources.join("\n").match(/\bMOTEKEY_[A-Z_]+\b/g))].sort();
    const ours = VARIABLES.map(([name]) => name).filter((name) => name.startsWith("MOTEKEY_"));
    assert.deepEqual([...ours].sort(), read);
    const { stdout } = await world.line("help environment");
    for (const [name, meaning] of VARIABLES)
      assert.match(stdout, new RegExp(`^ {2}${name} +${meaning}`, "m"));
    const env = { MOTEKEY_PASSWORD: "canary", MOTEKEY_TEAM: "" };
    const { stdout: listed } = await world.line("environment --json", { env });
    assert.ok(!listed.includes("canary"));
    const set = (name: string) => JSON.parse(listed).find(({ variable }: Row) => variable === name).set;
    assert.deepEqual([set("MOTEKEY_PASSWORD"), set("MOTEKEY_TEAM"), set("NO_COLOR")], [true, false, false]);
  });

  it("'motekey help auth login' is 'motekey auth login --help'", async () => {
    const { exit, stdout } = await world.line("help auth login");
    assert.equal(exit, 0);
    assert.equal(stdout, (await world.line("auth login --help")).stdout);
  });

  it("help of a command shows the flags that all commands have", async () => {
    const { stdout } = await world.line("auth status --help");
    for (const flag of ["--explain", "--team", "--config", "--issuer", "--json", "--quiet"])
      assert.ok(stdout.includes(`  ${flag}`), flag);
  });

  const wrong: [line: string, told: RegExp][] = [
    ["auth whomai", /^Error: Unknown command 'whomai'\. Did you mean whoami\?\n$/],
    ["auth login -username ann", /^Error: '-username' has one dash too few\. Did you mean '--username'\?\n$/],
    ["--team=x", /^Error: A command is missing\. /],
    ["auth", /^Error: A command is missing\. See 'motekey auth --help'\.\n$/],
    ["auth fly", /^Error: Unknown command 'fly'\. See 'motekey auth --help'\.\n$/],
    ["fly", /^Error: Unknown command 'fly'\. See 'motekey --help'\.\n$/],
    ["auth status --bogus", /^Error: Unknown option '--bogus'\. See 'motekey auth status --help'\.\n$/],
    ["auth login ann", /^Error: Too many arguments .* but got 1\. See 'motekey auth login --help'\.\n$/],
    ["auth status --explian", /^Error: Unknown option '--explian'\. Did you mean --explain\?\n$/],
    [
      "auth login --browser=perhaps",
      /^Error: --browser is true or false, not 'perhaps'\. Give --browser or --no-browser\.\n$/,
    ],
    ["login", /^Error: Unknown command 'login'\. Did you mean 'motekey auth login'\?\n$/],
    ["whoami --json=id", /Unknown command 'whoami'.*Did you mean 'motekey auth whoami'\?/],
    ["token", /^Error: Unknown command 'token'\. Did you mean 'motekey auth token'\?\n$/],
    ["revoke", /^Error: Unknown command 'revoke'\. Did you mean 'motekey auth logout'\?\n$/],
    ["auth login --user ann", /^Error: Unknown option '--user'\. Did you mean --username\?\n$/],
    ["auth login --user=ann", /^Error: Unknown option '--user'\. Did you mean --username\?\n$/],
    [
      "auth exec ls",
      /^Error: 'auth exec' does not see .* Write -- before the program: motekey auth exec -- /,
    ],
    ["auth exec ls -la", /Write -- before the program: motekey auth exec -- PROGRAM ARGUMENTS\.\n$/],
    ["auth exec", /^Error: Missing required argument 'program'\. /],
    ["completion tcsh", /^Error: .*'tcsh' is invalid.*bash, zsh, fish/],
    ["auth status --team=", /^Error: --team is empty\. Give it a value, or leave it out\.\n$/],
    ["auth login --username=", /^Error: --username is empty\. Give it a value, or leave it out\.\n$/],
    ["auth login --client-id=", /^Error: --client-id is empty\. Give it a value, or leave it out\.\n$/],
    [
      "auth login --username ann --password=",
      /^Error: --password is empty\. Give it a value, or leave it out\.\n$/,
    ],
    ["auth status --team -x", /^Error: '-x' \(--team\) is not a team's name\. /],
    [
      "auth status --issuer http://example.com",
      /^Error: 'http:\/\/example\.com' \(--issuer\) is not an issuer\. /,
    ],
  ];
  for (const [line, told] of wrong) {
    it(`'motekey ${line}' is wrong usage: exit 2, one line on stderr, nothing on stdout`, async () => {
      const { exit, stdout, stderr } = await world.line(line);
      assert.match(stderr, told);
      assert.equal(stdout, "");
      assert.equal(exit, 2);
    });
  }

  it("with --json a failure is one JSON object on stderr", async () => {
    const { exit, stdout, stderr } = await world.line("auth token --json");
    assert.equal(stdout, "");
    assert.equal(exit, 4);
    assert.deepEqual(JSON.parse(stderr), {
      error: {
        code: "not_authenticated",
        message: "Not authenticated.",
        next: "Run 'motekey auth login'.",
        exit: 4,
      },
    });
  });

  it("the flags after -- are another program's, --json too", async () => {
    const { stderr } = await world.line("auth exec -- curl --json");
    assert.equal(stderr, "Error: Not authenticated. Run 'motekey auth login'.\n");
  });

  it("'completion --json' has the script as JSON", async () => {
    const { stdout } = await world.line("completion bash --json");
    const { shell, script } = JSON.parse(stdout);
    assert.equal(shell, "bash");
    assert.equal(`${script}\n`, (await world.line("completion bash --quiet")).stdout);
  });

  it("--json with a field that is not there is refused before anything is done", async () => {
    const { exit, stdout, stderr } = await world.line("auth logout --force --json=account,bogus");
    assert.equal(stdout, "");
    assert.equal(exit, 2);
    const { error } = JSON.parse(stderr);
    assert.equal(error.message, "There is no field 'bogus'.");
    assert.equal(error.next, "Choose from account, team, result, detail, good_until.");
  });

  for (const line of [
    "auth token",
    "auth whoami",
    "auth me",
    "auth refresh",
    "auth exec -- true",
    "auth logout --force",
  ]) {
    it(`'motekey ${line}' without a login says so and exits with 4`, async () => {
      const { exit, stdout, stderr } = await world.line(line);
      assert.equal(stderr, "Error: Not authenticated. Run 'motekey auth login'.\n");
      assert.equal(stdout, "");
      assert.equal(exit, 4);
    });
  }
});
