/** Code that breaks each rule once, and the line where it does. */
export interface Sample {
  readonly rule: string;
  readonly line: number;
  readonly code: string;
  /** Where the code pretends to stand. */
  readonly path: string;
}

const CORE = "firmware/session.ts";

const sample = (rule: string, line: number, code: string, path: string = CORE): Sample => ({
  rule,
  line,
  code,
  path,
});

/** The statement stands in a method, where nothing may be allocated; it is line 3. */
const inMethod = (rule: string, statement: string): Sample =>
  sample(rule, 3, `class A {\n  turn(bytes, n) {\n    ${statement}\n  }\n}`);

export const SAMPLES: readonly Sample[] = [
  sample("defined-before-use", 1, "const a = () => later();\nfunction later() {}"),
  sample("defined-before-use", 2, "class A {\n  b = new B();\n}\nclass B {}"),
  sample("no-loop-closure", 3, "const all = [];\nfor (let i = 0; i < 3; i++) {\n  all.push(() => i);\n}"),
  sample(
    "no-loop-closure",
    3,
    "while (more()) {\n  const at = next();\n  later(function () { use(at); });\n}",
  ),
  sample("no-hash-private", 2, "class A {\n  #secret = 1;\n}"),
  sample("no-object-field", 2, "class A {\n  bytes = new Uint8Array(4);\n}"),
  sample("no-object-field", 2, "class A {\n  list = [];\n}"),
  sample("no-static-block", 2, "class A {\n  static { start(); }\n}"),
  sample("no-computed-member", 2, "const a = {\n  [name]: 1,\n};"),
  sample("no-default-parameter", 1, "const add = (a, b = 1) => a + b;"),
  sample("no-rest-parameter", 1, "function all(...items) {}"),
  sample("no-spread", 2, "use(\n  ...items);"),
  sample("no-spread", 1, "const b = { ...a };"),
  sample("no-destructuring", 1, "const { a } = b;"),
  sample("no-destructuring", 2, "let a, b;\n[a, b] = [b, a];"),
  sample("no-destructuring", 1, "function f([a]) {}"),
  sample("no-optional-chain", 1, "const a = b?.c;"),
  sample("no-optional-chain", 1, "callback?.();"),
  sample("no-nullish", 1, "const a = b ?? 1;"),
  sample("no-nullish", 2, "let a;\na ??= 1;"),
  sample("no-power-operator", 1, "const a = 2 ** 32;"),
  sample("no-label", 1, "outer: while (true) break outer;"),
  sample("no-generator", 1, "function* all() {}"),
  sample("no-generator", 2, "class A {\n  *all() {}\n}"),
  sample("no-async", 1, "async function go() {}"),
  sample("no-async", 1, "await go();"),
  sample("no-tagged-template", 1, "const a = html`x`;"),
  sample("no-for-of", 1, "for (const a of b) use(a);"),
  sample("no-inheritance", 1, "class A extends Error {}"),
  sample("no-inheritance", 2, "class A {}\nclass B extends A { static b = 1; }"),
  sample("no-reserved-method", 2, "class A {\n  delete() {}\n}"),
  sample("no-reserved-method", 2, "interface Slots {\n  of(host: string): number;\n}"),
  sample("no-var", 1, "var a = 1;"),
  sample("no-regexp", 1, "const a = /x/;"),
  sample("no-late-import", 1, 'const a = import("./status.js");'),
  sample("no-text-search", 1, 'const a = proof.indexOf("key") >= 0;'),
  sample("no-bitwise-time", 1, "const a = deadlineMs | 0;"),
  sample("no-bitwise-time", 1, "this.sentAtMs[i] >>>= 1;"),
  sample("no-bitwise-time", 1, "const low = call.id & 255;"),
  inMethod("no-steady-closure", "use(() => n);"),
  inMethod("no-steady-closure", "this.link.open(this.turn.bind(this));"),
  sample("no-steady-closure", 3, "class A {\n  constructor() {\n    this.f = () => () => 1;\n  }\n}"),
  inMethod("no-steady-new", "const copy = new Uint8Array(n);"),
  inMethod("no-steady-literal", "use({ n: n });"),
  inMethod("no-steady-literal", "return [n];"),
  inMethod("no-steady-view", "use(bytes.subarray(0, n));"),
  inMethod("no-steady-string", "use(n.toString(16));"),
  inMethod("no-steady-string", "const topic = id + '/rpc';"),
  inMethod("no-steady-string", `use(\`n = \${n}\`);`),
  sample("no-forbidden-global", 1, "const now = Date.now();"),
  sample("no-forbidden-global", 1, "const a = Math.imul(2, 3);"),
  sample("no-forbidden-global", 1, "new Promise(run);"),
  sample("no-forbidden-global", 1, "console.log(1);", "firmware/promises.ts"),
  sample("tsdoc", 3, "/** Said. */\nexport const A = 1;\nexport const B = 2;"),
  sample("tsdoc", 2, "// Not a TSDoc comment.\nexport class A {}", "firmware/adapters/moddable/link.ts"),
  sample("import-arrow", 1, 'import { Auth } from "../../auth.js";', "firmware/wire/frame/frame.ts"),
  sample("import-arrow", 1, 'import { sign } from "../../proof/mac.js";', "firmware/wire/frame/frame.ts"),
  sample("import-arrow", 1, 'import type { Session } from "./session.js";', "firmware/limits.ts"),
  sample("import-arrow", 1, 'import { connect } from "node:net";', "firmware/driver.ts"),
  sample("import-arrow", 1, 'import "./session.js";', "firmware/unheard-of.ts"),
  sample("import-arrow", 1, 'import { Auth } from "../../auth.js";', "firmware/adapters/moddable/link.ts"),
  sample("import-arrow", 1, 'import { Status } from "motekey";', "host-sim/cloud/rpc.ts"),
  sample("import-arrow", 1, 'export * from "../node/adapter.js";', "host-sim/cloud/index.ts"),
  sample("import-arrow", 1, 'import { run } from "../tools/nvs/run.js";', "host-sim/index.ts"),
  sample(
    "import-arrow",
    1,
    'import { start } from "../../test/servers/mosquitto.js";',
    "tools/doctor/run.ts",
  ),
  sample("declared-package", 1, 'import sinon from "sinon/pkg";', "host-sim/cloud/rpc.ts"),
  sample("file-length", 401, "use();\n".repeat(401), "host-sim/cloud/rpc.ts"),
  sample(
    "class-fields",
    1,
    `class A {\n${Array.from({ length: 13 }, (_, i) => `  f${i}: number;\n`).join("")}}`,
  ),
  sample(
    "class-methods",
    1,
    `class A {\n${Array.from({ length: 21 }, (_, i) => `  m${i}() {}\n`).join("")}}`,
  ),
  sample("constructor-length", 2, `class A {\n  constructor() {\n${"    use();\n".repeat(29)}  }\n}`),
  sample("parameters", 1, "const write = (a, b, c, d, e, f) => a;"),
  sample("function-length", 1, `const act = () => {\n${"  use();\n".repeat(39)}};`),
  sample("plain-words", 1, "The app is told once.", "docs/guide.md"),
  sample("plain-words", 1, "What tells `one` from two.", "docs/cli/auth.md"),
  sample("plain-comments", 1, "/** Told once how it ended. */", "tools/auth/ask.ts"),
  sample("plain-comments", 1, "/** Its end is reckoned from here. */", "host-sim/cloud/time.ts"),
  sample("no-machine-path", 1, "Look at /home/somebody/notes.", "README.md"),
  sample("no-machine-path", 2, "cd\ncat /tmp/notes.md", ".ci/run"),
  sample("no-registry-host", 1, "registry=https://registry.example.com/", ".npmrc"),
  sample("proof-is-a-value", 1, "const isMac = frame === FrameProof.MAC;"),
  sample("proof-is-a-value", 2, '// none\nif (config.proof.name === "link") leave();', "firmware/config.ts"),
  sample("no-later", 1, "// TODO: everything", "host-sim/index.ts"),
  sample("no-weak-signal", 1, "const limit = AbortSignal.timeout(1000);", "tools/oidc/requests.ts"),
  sample("no-weak-signal", 1, "const ended = AbortSignal.any([one, other]);", "host-sim/cloud/http.ts"),
  sample(
    "no-spin",
    1,
    "while (!isThere()) await new Promise((resolve) => setImmediate(resolve));",
    "test/auth.test.ts",
  ),
  sample("no-only", 1, 'it.only("holds", () => {});', "test/auth.test.ts"),
  sample("no-ts-ignore", 1, "// @ts-ignore", "host-sim/index.ts"),
  sample("no-banner", 1, "// SPDX-License-Identifier: Apache-2.0", "tools/main.ts"),
];

/** Firmware that looks like a breach of each rule and is none. */
export const FINE = `import { mayAllocate } from "./transport/slots.js";
import { Status } from "./status.js";

/** Bytes that no text holds, one bit each. */
export const TABLE = new Uint8Array([1, 2, 3]);

/** Runs at start.
 * @construction */
export function tableOf(length: number): Uint8Array[] {
  const name = "table" + length.toString(10);
  return [new Uint8Array(length), TABLE.subarray(0, 1)];
}

/** What the app hears. */
export interface Heard<T> {
  readonly remainingMs: number;
  readonly Date: string;
  of: T | undefined;
  answer(status: Status, bytes?: Uint8Array): void;
}

/** A session: \`Map\` and /regular/ in prose are no code. */
export class Session implements Heard<number> {
  private readonly bytes: Uint8Array;
  private readonly done: (status: Status) => void;
  private sum = 0;
  remainingMs: number;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.done = (status) => this.ended(status);
    this.remainingMs = 0;
    const later = { JSON: 1 };
    for (let i = 0; i < length; i++) this.bytes[i] = i & 255;
  }

  get deleted(): boolean {
    return this.sum > 0;
  }

  ended(status: Status): void {
    if (status > 99) throw new Error(\`status \${status.toString(10)} is none of ours: \` + "ask its sender");
    const ids = status | 0;
    this.remainingMs = Math.floor(this.remainingMs / 2) + Math.pow(2, 3);
    this.sum = (this.sum << 8) >>> 0;
    let process = ids;
    while (process > 0) process--;
    this.done(mayAllocate(status) ? Status.OK : status);
  }

  /** @allocates A person reads it. */
  explain(): string {
    return \`sum \${this.sum}\`;
  }
}
`;
