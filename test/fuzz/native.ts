import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { changed, hexOf, ORDINARY, OTHERS } from "../engines/answer-frames.js";
import { bundle } from "../engines/bundle.js";
import { xsMissing } from "../engines/install.mjs";
import { buildNative } from "../engines/native.mjs";
import { startXs } from "../engines/xs.js";

const SUITE = fileURLToPath(new URL("../engines/moddable/suite-native.ts", import.meta.url));
/** Of each kind at a time, so that time is looked at between. */
const AT_ONCE = 200;
const STORMS_AT_ONCE = 1_000;

/**
 * The C of `firmware/native` inside XS, watched by AddressSanitizer, beside the TypeScript that it stands for: random
 * inputs, right and wrong calls, frames that are changed.
 *
 * @returns how many inputs there were
 * @throws Error with the seed and what differs; or when the engine ends, with the report above
 */
export async function fuzzNative(seconds: number, seed: number): Promise<number> {
  const missing = xsMissing();
  if (missing !== null) throw new Error(missing);
  const xs = await startXs({ program: buildNative("asan") });
  try {
    await xs.evaluate("globalThis.native = (name) => globalThis[name];");
    await xs.evaluate(await bundle(SUITE, "suite", "both"));
    const twins = (await xs.text("suite.twins.join()")).split(",");
    const untilMs = Date.now() + seconds * 1000;
    let inputs = 0;
    for (let at = seed; Date.now() < untilMs; at += AT_ONCE) {
      for (const twin of twins) {
        const told = await xs.text(`suite.compare("${twin}", ${at}, ${AT_ONCE})`);
        if (told !== "") throw new Error(`native breaks: ${told}`);
      }
      await xs.evaluate(`suite.storm(${at}, ${STORMS_AT_ONCE})`);
      const frames = [...ORDINARY, ...OTHERS, ...fc.sample(changed, { numRuns: AT_ONCE, seed: at })].map(
        hexOf,
      );
      for (const hex of frames) {
        const told = await xs.text(`suite.compareWhole("${hex}", false)`);
        if (told !== "read" && told !== "left") throw new Error(`native breaks at the frame ${hex}: ${told}`);
      }
      inputs += twins.length * AT_ONCE + STORMS_AT_ONCE + frames.length;
    }
    return inputs;
  } finally {
    await xs.close();
  }
}
