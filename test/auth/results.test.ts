/** What each method's result means, in all the forms in which it comes. */
import assert from "node:assert/strict";
import { APP, muteWorld, World } from "./world.js";

describe("a result", () => {
  const verdicts: [string, unknown, string][] = [
    ["true", true, "OK true"],
    ["false", false, "NOT_ALLOWED false"],
    ["{success}", { success: true }, "OK true"],
    ["{success: false}", { success: false }, "NOT_ALLOWED false"],
    ["{success, id}", { success: true, id: "user_1" }, "OK true"],
    ["{id, success} with more", { id: "user_1", extra: [1, { success: false }], success: true }, "OK true"],
    ["a text", "true", "BAD_RESULT false"],
    ["a number", 1, "BAD_RESULT false"],
    ["null", null, "BAD_RESULT false"],
    ["a list", [true], "BAD_RESULT false"],
    ["an object without success", { id: "user_1" }, "BAD_RESULT false"],
    ["success that is no boolean", { success: 1 }, "BAD_RESULT false"],
    ["nothing", undefined, "BAD_RESULT false"],
  ];
  for (const [what, result, expected] of verdicts) {
    it(`of Authenticate: ${what} means ${expected}`, () => {
      const world = new World().ready();
      world.peer.answer = () => (result === undefined ? {} : { result });
      const outcome = world.authenticate();
      world.advance(100);
      assert.equal(`${outcome.name} ${outcome.value}`, expected);
      assert.deepEqual(world.peer.asked("Authenticate")[0].frame.args, {
        credentials: { psk: "secret" },
        id: "user_1",
      });
    });
  }

  for (const [result, expected] of [
    [true, "OK true"],
    [false, "NOT_ALLOWED false"],
    [{ success: true }, "BAD_RESULT false"],
    ["true", "BAD_RESULT false"],
    [null, "BAD_RESULT false"],
  ]) {
    it(`of AuthorizeCommand: ${JSON.stringify(result)} means ${expected}`, () => {
      const world = new World().ready();
      world.peer.answer = () => ({ result });
      const outcome = world.authorize();
      world.advance(100);
      assert.equal(`${outcome.name} ${outcome.value}`, expected);
    });
  }

  it("of AuthorizeCommand is `result` alone: an object under another member is none", () => {
    for (const other of ["nr", "tag", "trace"]) {
      const world = new World().ready();
      world.peer.answer = () => ({ result: false, [other]: { success: true } });
      const outcome = world.authorize();
      world.advance(100);
      assert.equal(`${outcome.name} ${outcome.value}`, "NOT_ALLOWED false");
    }
  });

  it("that is an error has the value false", () => {
    const world = new World().ready();
    world.peer.answer = () => ({ error: { code: 403 }, result: true });
    const outcome = world.authorize();
    world.advance(100);
    assert.equal(`${outcome.name} ${outcome.value}`, "FORBIDDEN false");
  });

  for (const result of [undefined, null, 7, true, [], {}, { token: 7 }, { token: "" }, { tokens: "x" }, ""]) {
    it(`of GenerateToken without a token, ${JSON.stringify(result)}, is BAD_RESULT`, () => {
      const world = new World().ready();
      world.peer.answer = () => (result === undefined ? {} : { result });
      assert.equal(world.soon(APP, 100).name, "BAD_RESULT");
    });
  }

  it("of ListToken is told host by host, then its end", () => {
    const world = new World().ready();
    const hosts = ["a.example.com", "\u00e9\u20ac", 'q"uote', ""];
    world.peer.answer = () => ({ result: hosts.map((host, i) => ({ before: [{ host: "no" }], host, i })) });
    const list = world.list();
    world.advance(100);
    assert.equal(list.name, "OK");
    assert.deepEqual(list.hosts, hosts);
  });

  it("of ListToken that is empty, or no list", () => {
    for (const [result, expected] of [
      [[], "OK"],
      [{}, "BAD_RESULT"],
      ["host", "BAD_RESULT"],
      [{ host: "a" }, "BAD_RESULT"],
    ]) {
      const world = new World().ready();
      world.peer.answer = () => ({ result });
      const list = world.list();
      world.advance(100);
      assert.equal(list.name, expected);
      assert.deepEqual(list.hosts, []);
    }
  });

  it("of ListToken with a host that is too long says so, and tells the others", () => {
    const world = new World().ready();
    world.peer.answer = () => ({ result: [{ host: "a" }, { host: "x".repeat(65) }, { host: "b" }] });
    const list = world.list();
    world.advance(100);
    assert.equal(list.name, "HOST_TOO_LONG");
    assert.deepEqual(list.hosts, ["a", "b"]);
  });

  it("of ListToken that breaks off was provisional: the call ends, and is not made again", () => {
    const world = muteWorld();
    const list = world.list();
    world.advance(100);
    const result = Array.from({ length: 100 }, (_, i) => ({ host: `app-${i}` }));
    const bytes = world.peer.replyBytes(world.peer.asked("ListToken")[0], { result });
    world.peer.sendBytes(bytes.subarray(0, 900));
    world.advance(100);
    assert.ok(list.hosts.length > 10);
    world.peer.kick();
    world.advance(10_000);
    assert.equal(list.name, "CONNECTION_LOST");
    assert.equal(world.peer.asked("ListToken").length, 1);
  });
});
