import { type Browser, chromium } from "playwright-core";
import { findProgram } from "./process.js";

/**
 * Where chromium is. Without it the suite or test is skipped with a message that says what to install; in CI
 * this throws instead.
 * @param context `this` of a mocha hook or test
 */
export function findChromium(context: Mocha.Context): string {
  return findProgram(context, "chromium", "chromium");
}

/** A browser without windows. Close it. */
export function startChromium(executablePath: string): Promise<Browser> {
  // Its sandbox refuses to work for root; here it sees our own pages only.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args });
}
