/** Power goes at every byte of every write, and at every packet, while a key is replaced; twice, too. */
import fc from "fast-check";
import { TEARS, type Tear } from "../../host-sim/world/flash.js";
import { type Cut, play } from "./rotation-cuts.js";

const tears = Object.keys(TEARS) as Tear[];

describe("a device whose power goes while its key is replaced, everywhere", () => {
  for (const tear of tears)
    it(`at every byte of every write (${tear})`, () => {
      const { writes } = play();
      for (const [i, length] of writes.entries())
        for (let bytes = 0; bytes <= length; bytes++) play([{ at: "write", number: i + 1, bytes, tear }]);
    }).timeout(600_000);

  it("before and behind every packet, in both directions", () => {
    const { sent, received } = play();
    for (const isBehind of [false, true]) {
      for (let number = 1; number <= Math.min(sent, 40); number++) play([{ at: "sent", number, isBehind }]);
      for (let number = 1; number <= Math.min(received, 40); number++)
        play([{ at: "received", number, isBehind }]);
    }
  }).timeout(600_000);

  it("twice, anywhere, and the cloud may take the key back meanwhile", () => {
    const cut: fc.Arbitrary<Cut> = fc.oneof(
      fc.record({
        at: fc.constant("write" as const),
        number: fc.integer({ min: 1, max: 6 }),
        bytes: fc.nat(90),
        tear: fc.constantFrom(...tears),
      }),
      fc.record({
        at: fc.constantFrom("sent" as const, "received" as const),
        number: fc.integer({ min: 1, max: 12 }),
        isBehind: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(cut, cut, fc.boolean(), (first, second, isTakenBack) => {
        // The second one comes when the first is over, however far that came.
        const later = { ...second, number: second.number + first.number };
        try {
          play([first, later], isTakenBack);
        } catch (error) {
          // Where a story was over before its cut, there is nothing to see.
          if (!String(error).includes("all that was to be cut was cut")) throw error;
        }
      }),
      { numRuns: 300 },
    );
  }).timeout(600_000);
});
