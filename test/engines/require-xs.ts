import { xsMissing } from "./install.mjs";

/**
 * A mocha `before` hook: without the XS engine the tests are skipped and it is said why; in CI (`CI=true`) they
 * fail.
 */
export function requireXs(this: Mocha.Context): void {
  const missing = xsMissing();
  if (missing === null) return;
  if (process.env.CI === "true") throw new Error(missing);
  console.log(`    skipped: ${missing}`);
  this.skip();
}
