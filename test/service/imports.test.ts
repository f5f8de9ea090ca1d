import assert from "node:assert/strict";
import { importGraph, unreached } from "../tidy/graph.js";
import { isCode, ourPaths, readSource } from "../tidy/repository.js";

/** What makes the mock a mock: its knobs, its operators' provider with its admin, its open door, and its state in memory. */
const MOCK =
  /^host-sim\/cloud\/(identity\/|faults|fault-interference|open-door|memory-peers|registry|(?:start-)?cloud\.ts|cloud-options|folder|tables|index\.ts)/;

describe("the service's imports", () => {
  const graph = importGraph(ourPaths().filter(isCode).map(readSource));
  const outside = new Set(unreached(graph, ["host-sim/service/index.ts"]));
  const reached = [...graph.keys()].filter((path) => !outside.has(path));

  it("reach the shared core: the Auth service, the proofs and the codecs", () => {
    for (const name of [
      "core",
      "auth-service",
      "proofs",
      "device-service",
      "door",
      "rpc",
      "frame",
      "encoding",
      "mac-session",
      "mint",
      "hook/hook",
      "attach",
    ])
      assert.ok(reached.includes(`host-sim/cloud/${name}.ts`), name);
  });

  it("reach nothing of the mock: no fault, no admin, no connection without a proof", () => {
    assert.deepEqual(
      reached.filter((path) => MOCK.test(path)),
      [],
    );
    const names = [...graph.keys()].filter((path) => MOCK.test(path));
    assert.ok(names.length > 20, "the names of the mock's files are out of date");
  });

  it("reach nothing but the shared core and the service", () => {
    assert.deepEqual(
      reached.filter((path) => !/^host-sim\/(cloud|service)\//.test(path)),
      [],
    );
  });

  it("are not reached by what starts the mock", () => {
    const others = new Set(unreached(graph, ["host-sim/index.ts", "host-sim/story/main.ts"]));
    assert.deepEqual(
      [...graph.keys()].filter((path) => path.startsWith("host-sim/service/") && !others.has(path)),
      [],
    );
  });
});
