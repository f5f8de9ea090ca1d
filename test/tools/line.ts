/** A line where devices are made: a cloud, and an operator who is logged in to it. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/index.js";
import { FAILURES, type FailureCode } from "../../tools/cli/failure.js";
import { ANN, good } from "./acme.js";
import { hasItsFields } from "./fields.js";
import { type RunOptions, World } from "./world.js";

export class Line {
  private constructor(
    readonly cloud: Cloud,
    readonly world: World,
  ) {}

  static async open(options: CloudOptions = {}): Promise<Line> {
    const memberships = [{ organization: "Acme Corp", role: "developer" as const }];
    const cloud = await startCloud({ identity: { users: [{ ...ANN, memberships }] }, ...options });
    const world = new World();
    world.env.MOTEKEY_CLOUD = cloud.httpUrl;
    const line = `auth login --issuer ${cloud.identity?.issuer} --username ann`;
    good(await world.line(line, { input: ANN.password }));
    return new Line(cloud, world);
  }

  /** What a process of its own is given to work here as the operator. */
  async bench() {
    const env = {
      MOTEKEY_AUTH_TOKEN: good(await this.world.line("auth token")).stdout.trim(),
      MOTEKEY_CLOUD: this.cloud.httpUrl,
      MOTEKEY_CONFIG_PATH: this.path("none.json"),
    };
    return { folder: this.world.folder, env, json: (line: string) => this.json(line) };
  }

  async close(): Promise<void> {
    this.world.end();
    await this.cloud.close();
  }

  path(...names: string[]): string {
    return join(this.world.folder, ...names);
  }

  /** Writes a file that is its owner's alone, unless `mode` says otherwise. */
  file(name: string, content: string | Uint8Array, mode = 0o600): string {
    writeFileSync(this.path(name), content);
    chmodSync(this.path(name), mode);
    return name;
  }

  read(...names: string[]): Buffer {
    return readFileSync(this.path(...names));
  }

  mode(...names: string[]): number {
    return statSync(this.path(...names)).mode & 0o777;
  }

  /** The answer of a line that is done. */
  async json(line: string, options?: RunOptions) {
    const answer = JSON.parse(good(await this.world.line(`${line} --json`, options)).stdout);
    hasItsFields(line, answer);
    return answer;
  }

  /** A line that fails. */
  async failed(line: string, code: FailureCode, message: RegExp, options?: RunOptions): Promise<void> {
    const { exit, stdout, stderr } = await this.world.line(`${line} --json`, options);
    const { error } = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "");
    assert.equal(error.code, code, stderr);
    assert.match(`${error.message} ${error.next}`, message);
    assert.equal(exit, FAILURES[code].exit);
    assert.equal(stdout, "");
  }
}
