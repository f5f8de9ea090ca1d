/** The documents' programs as devices live: booted ten times, in memory that keeps nothing, at a cloud that goes on. */
import assert from "node:assert/strict";
import type { AuthClient, Link } from "../../firmware/index.js";
import { nodePorts } from "../../host-sim/index.js";
import { blocksOf, type CodeBlock } from "./code-blocks.js";
import { closeKeptClouds, keptClouds, startCloud } from "./kept-cloud.js";
import { keptProgramOf, type Program } from "./run-block.js";

const BOOTS = 10;
/** A device is back within the minute. */
const BOOT_LIMIT_MS = 60_000;

const blocks = ["README.md", "docs/guide.md"].flatMap(blocksOf);

/** Programs that make a device of their own at the mock cloud, all in one piece; who gets another key needs its store. */
const programs = blocks.filter(
  ({ language, text }) =>
    language === "ts" && /createAuth\(/.test(text) && /startCloud/.test(text) && !/new Rotation\(/.test(text),
);

/** What the README's first program needs beside itself. */
const first = blocks.find(
  ({ file, text }) => file === "README.md" && /counter: 1/.test(text) && /createAuth\(/.test(text),
) as CodeBlock;

describe("a program of the documents, booted ten times without a store", () => {
  afterEach(closeKeptClouds);

  it("there are several, with counters that begin at 1 each time", () => {
    const withCounters = programs.filter(({ text }) => /counter(: 1\b|: counter)/.test(text));
    assert.ok(withCounters.length >= 5, `${withCounters.map(({ name }) => name)}`);
  });

  for (const block of programs) {
    it(`${block.name} does its work each time`, async function () {
      this.timeout(BOOTS * BOOT_LIMIT_MS);
      const program = keptProgramOf(block);
      try {
        for (let boot = 0; boot < BOOTS; boot++) {
          keptClouds().next = 0;
          const before = tokens();
          await program.run(`${block.name}, boot ${boot}`);
          if (/getToken\(/.test(block.text)) assert.ok(tokens() > before, `boot ${boot}: no token was given`);
        }
      } finally {
        program.remove();
      }
    });
  }

  it("the README's first program has its token each time", async function () {
    this.timeout(BOOTS * BOOT_LIMIT_MS);
    const cloud = await startCloud();
    const psk = /psk: "(.+?)"/.exec(first.text)?.[1] as string;
    await cloud.addDevice({ id: "device_123", psk });
    const text = `${first.text}\nglobalThis.given.booted(auth);`;
    const program = keptProgramOf({ ...first, text }, ["ports", "use", "trace"]);
    try {
      for (let boot = 0; boot < BOOTS; boot++) await bootAt(cloud.port, program, boot);
    } finally {
      program.remove();
    }
    assert.equal(cloud.stats.tokens, BOOTS);
    assert.equal(cloud.stats.recoveries.device_123, BOOTS - 1);
  });
});

/** Boots the README's program; the cloud that it names is at this port. Resolves when it uses its token. */
async function bootAt(port: number, program: Program, boot: number): Promise<void> {
  const ports = nodePorts();
  const link: Link = {
    open: (_address, events) => ports.link.open({ host: "127.0.0.1", port }, events),
    write: (bytes, from, to) => ports.link.write(bytes, from, to),
    close: () => ports.link.close(),
  };
  let auth: AuthClient | undefined;
  const used = new Promise<void>((use, failed) => {
    const trace = (text: string): void => failed(new Error(`boot ${boot}: ${text}`));
    const booted = (client: AuthClient): void => {
      auth = client;
    };
    Object.assign(globalThis, { given: { ports: { ...ports, link }, use: () => use(), trace, booted } });
  });
  await program.run(`boot ${boot}`);
  await used;
  auth?.close();
}

/** Tokens that all clouds gave, made anew or found again. */
function tokens(): number {
  return keptClouds().clouds.reduce(
    (sum, { stats }) => sum + stats.tokens + (stats.requests["/v1/Auth.GetToken"] ?? 0),
    0,
  );
}
