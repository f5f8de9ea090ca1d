#!/usr/bin/env node
// A package brings dist/main.js. In the repository a bundle is kept in .cache and made anew when a source changed,
// because a loader for TypeScript would take longer than most commands.
import { existsSync } from "node:fs";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`motekey needs Node 20.19 or later; this is ${process.version}`);
  process.exit(1);
}
const at = (path) => new URL(path, import.meta.url);
const inRepository = existsSync(at("../main.ts"));
if (inRepository) {
  const { bundleToolsWhenChanged } = await import(at("../../build/tools.mjs").href);
  await bundleToolsWhenChanged();
}
await import(at(inRepository ? "../.cache/main.js" : "../dist/main.js").href);
