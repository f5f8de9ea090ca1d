/** Questions as such: what a fast typist would see. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { askSecret } from "../../tools/cli/prompt.js";
import { Secrets } from "../../tools/cli/secrets.js";
import type { System } from "../../tools/cli/system.js";

describe("a question for a secret", () => {
  it("is asked when the terminal no longer shows what is typed: nobody is too fast", async () => {
    const order: string[] = [];
    const stdin = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (raw: boolean) => order.push(raw ? "silent" : "showing"),
    });
    const stderr = { isTTY: true, write: (text: string) => order.push(text) };
    const answer = askSecret(
      { stdin, stderr, secrets: new Secrets() } as unknown as System,
      "Enter password: ",
    );
    stdin.write("ab\r");
    assert.equal(await answer, "ab");
    assert.deepEqual(order, ["silent", "Enter password: ", "*", "*", "showing", "\n"]);
  });
});
