/** Copies of the firmware that are broken on purpose, each by one change of its text, and what is to notice. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import * as firmware from "../../firmware/index.js";
import { Messages } from "../../firmware/messages.js";
import { Cell } from "../../host-sim/world/cell.js";
import {
  type Check,
  type Draw,
  drawPlan,
  LEVELS,
  type Plan,
  runCell,
  type Violation,
  type Watch,
} from "../../host-sim/world/index.js";
import { live, planOf } from "./life.js";
import { begin, end as endOf, MOVES, move } from "./orders.js";

export type Firmware = typeof firmware & { readonly Messages: typeof Messages };

/** One change of one file. */
export interface Mutant {
  /** What the broken firmware does. */
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly check: Check;
  /** Seeds, or other things that are tried one by one, within which it must be caught. */
  readonly within: number;
  /** Try number `seed`, from 1 on, with this firmware. */
  readonly attempt: (mutant: Firmware, seed: number) => Violation | undefined;
}

const FIRMWARE = new URL("../../firmware/", import.meta.url);
const DAY_MS = 86_400_000;

/** The firmware with that change. @throws AssertionError where its text is not found, or not once */
export async function mutate({
  name,
  file,
  from,
  to,
}: Pick<Mutant, "name" | "file" | "from" | "to">): Promise<Firmware> {
  const path = fileURLToPath(new URL(file, FIRMWARE));
  const source = await readFile(path, "utf8");
  assert.equal(
    source.split(from).length,
    2,
    `${name}: ${file} has '${from}' once: the mutant is to be written anew`,
  );
  const { outputFiles } = await build({
    stdin: {
      contents: 'export * from "./index.js"; export { Messages } from "./messages.js";',
      resolveDir: fileURLToPath(FIRMWARE),
    },
    bundle: true,
    format: "esm",
    write: false,
    plugins: [
      {
        name: "mutant",
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, async (args) =>
            args.path === path ? { contents: source.replace(from, () => to), loader: "ts" } : undefined,
          ),
      },
    ],
  });
  const code = outputFiles[0]?.text as string;
  return (await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`)) as Firmware;
}

/** Tries one after the other. @returns what was caught, and the number of the try */
export function hunt(
  { attempt, within }: Mutant,
  mutant: Firmware,
): { violation: Violation; seed: number } | undefined {
  for (let seed = 1; seed <= within; seed++) {
    const violation = attempt(mutant, seed);
    if (violation !== undefined) return { violation, seed };
  }
  return undefined;
}

const watchOf = ({ createAuth, readCredential, writeCredential }: Firmware): Watch => ({
  make: createAuth,
  records: { readCredential, writeCredential },
});

/** Days of faults of one device after the other. */
const inDays =
  (days: number, draw: Partial<Draw> = {}) =>
  (mutant: Firmware, seed: number): Violation | undefined =>
    runCell(
      drawPlan({ forMs: days * DAY_MS, rates: LEVELS.many, core: "byte", ...draw, seed }, 0),
      watchOf(mutant),
    ).violation;

/** A life whose power goes in write after write. */
const inCuts = (mutant: Firmware, seed: number): Violation | undefined =>
  live(planOf("byte"), "nvs", [{ write: seed - 1, left: 1 }], false, undefined, watchOf(mutant)).violation;

/** Orders of two moves, one after the other. */
const inOrders = (mutant: Firmware, seed: number): Violation | undefined => {
  const cell = begin(planOf("byte"), watchOf(mutant));
  const index = seed - 1;
  for (const each of [index % MOVES.length, Math.floor(index / MOVES.length)])
    move(cell, MOVES[each] as (typeof MOVES)[number]);
  endOf(cell);
  return cell.verdict.violation;
};

/** The app asks for less than the credential's floor, which the firmware is to refuse. */
const belowFloor = (mutant: Firmware, seed: number): Violation | undefined => {
  const plan = planOf("byte", seed);
  const cell = new Cell(plan, {
    ...watchOf(mutant),
    make: (auth, ports) => {
      try {
        return mutant.createAuth({ ...auth, proof: "password" }, ports);
      } catch {
        return mutant.createAuth(auth, ports);
      }
    },
    records: {
      readCredential: mutant.readCredential,
      writeCredential: (store, fields) =>
        mutant.writeCredential(store, { ...fields, floor: { proof: plan.proof } }),
    },
  });
  cell.device.provision();
  cell.device.bootAfter(1);
  cell.queue.run(60_000);
  return cell.verdict.violation;
};

/** The flash holds a host's token of another device. */
const withOthersToken = (mutant: Firmware, seed: number): Violation | undefined => {
  const [one, other] = [0, 1].map((device) => {
    const cell = new Cell({ ...planOf("byte", seed), device }, watchOf(mutant));
    cell.device.provision();
    cell.device.bootAfter(1);
    cell.queue.run(10_000);
    cell.device.sleep(5_000, true);
    return cell;
  }) as [Cell, Cell];
  for (const [name, value] of other.device.flash.values)
    if (name.startsWith("motekey-h")) one.device.flash.values.set(name, value);
  one.queue.run(30_000);
  return one.verdict.violation;
};

/** A line dies on which the app sends on, and waits for no answer. */
const onDeadLine = (mutant: Firmware, seed: number): Violation | undefined => {
  const messages = new mutant.Messages();
  const cell = new Cell(planOf("byte", seed), {
    ...watchOf(mutant),
    make: (auth, ports) => mutant.createAuth({ ...auth, messages }, ports),
  });
  const { device, queue, verdict, plan } = cell;
  const topic = messages.topic(`app/device_${plan.device}/up`);
  device.provision();
  device.bootAfter(1);
  queue.run(60_000);
  device.cut(false);
  for (let i = 0; i < 20 && !queue.isStopped; i++) {
    device.enter(() => void messages.publish(topic, new Uint8Array(4), 0, () => undefined));
    queue.run(queue.nowMs + 20_000);
  }
  return verdict.violation;
};

/** Devices that lose the same broker at the same moment: attempt after attempt must not fall into one second. */
const inHerd = (mutant: Firmware, seed: number): Violation | undefined => {
  const devices = 40;
  const forMs = 600_000;
  const outage = { kind: "cutOff", atMs: 120_000, forMs: 180_000, n: 0 } as const;
  const plans: Plan[] = Array.from({ length: devices }, (_, device) => ({
    ...drawPlan({ seed, forMs, rates: {}, core: "byte", proof: "password", profile: "mosquitto" }, device),
    clockRate: 1,
    faults: [outage],
  }));
  const opens = new Map<number, number>();
  for (const plan of plans)
    for (const [second, count] of runCell(plan, watchOf(mutant)).tally.opensAt)
      if (second > 120) opens.set(second, (opens.get(second) ?? 0) + count);
  const peak = Math.max(...[...opens].filter(([second]) => second > 140).map(([, count]) => count));
  if (peak <= devices / 3) return undefined;
  return { check: "herd", what: `${peak} of ${devices} devices try in one second`, atMs: 0 };
};

export const MUTANTS: readonly Mutant[] = [
  {
    name: "overwrites a record in its place",
    file: "store/record.ts",
    from: "const slot = 1 - this.slot;",
    to: "const slot = this.slot;",
    check: "counter",
    within: 40,
    attempt: inCuts,
  },
  {
    name: "waits without jitter",
    file: "time/backoff.ts",
    from: "+ random * Math.max(boundMs, spreadMs);",
    to: "+ Math.max(boundMs, spreadMs);",
    check: "herd",
    within: 2,
    attempt: inHerd,
  },
  {
    name: "takes any connection for a stable one",
    file: "session/attempts.ts",
    from: "if (isStable) this.backoff.reset();",
    to: "this.backoff.reset();",
    check: "pace",
    within: 20,
    attempt: inDays(1),
  },
  {
    name: "takes a grant that comes after the revocation",
    file: "tokens.ts",
    from: "if (call.isAbandoned) {",
    to: "if (call.isAbandoned && status !== Status.OK) {",
    check: "token",
    within: 169,
    attempt: inOrders,
  },
  {
    name: "reckons with the wall clock",
    file: "tokens/slot.ts",
    from: "return this.length > 0 && nowMs < this.lease.expiresAtMs();",
    to: `const self = this as any, { sentAtMs, lifetimeMs } = this.lease;
      if (self.of !== sentAtMs) (self.of = sentAtMs), (self.bornMs = Date.now());
      return this.length > 0 && Date.now() < self.bornMs + lifetimeMs;`,
    check: "token",
    within: 5,
    attempt: inDays(1),
  },
  {
    name: "forgets to wipe what is revoked",
    file: "tokens.ts",
    from: "if (host.slot !== null) host.slot.wipe();\n    host.isKnown = false;",
    to: "host.isKnown = false;",
    check: "token",
    within: 10,
    attempt: inDays(1),
  },
  {
    name: "asks for a token that is under way already",
    file: "tokens.ts",
    from: "if (host.flight !== null || this.isClosed || this.session.phase",
    to: "if (this.isClosed || this.session.phase",
    check: "pace",
    within: 10,
    attempt: inDays(1),
  },
  {
    name: "counts the older of two slots",
    file: "store/record.ts",
    from: "if (generation > this.generation) {",
    to: "if (generation > 0 && (this.generation === 0 || generation < this.generation)) {",
    check: "counter",
    within: 10,
    attempt: inDays(2, { proof: "counter+mac" }),
  },
  {
    name: "pings by what it sent only",
    file: "time/keep-alive.ts",
    from: "return Math.min(this.sentAtMs, this.heardAtMs) + this.idleMs;",
    to: "return this.sentAtMs + this.idleMs;",
    check: "service",
    within: 1,
    attempt: onDeadLine,
  },
  {
    name: "ignores the credential's floor",
    file: "policy.ts",
    from: "  if (isBelow(strength, floor.proof === undefined ? Strength.BEARER : rankOfProof(floor.proof)))",
    to: "  if (false)",
    check: "secret",
    within: 1,
    attempt: belowFloor,
  },
  {
    name: "takes another device's record for its own",
    file: "tokens/token-store.ts",
    from: "const isForeign = !isOld && readUint32(bytes, PAYLOAD_AT) !== this.config.owner;",
    to: "const isForeign = false;",
    check: "token",
    within: 1,
    attempt: withOthersToken,
  },
  {
    name: "uses counters before they are reserved",
    file: "store/counter-block.ts",
    from: "if (reserved > COUNTER_MAX || !record.save(RecordKind.COUNTER, this.buffer, this)) return false;",
    to: "if (reserved > COUNTER_MAX) return false;",
    check: "counter",
    within: 5,
    attempt: inDays(1, { proof: "counter+mac" }),
  },
];

/** What the true firmware comes to in a mutant's first tries. */
export const ofTrue = (mutant: Mutant, tries: number): Violation | undefined =>
  hunt({ ...mutant, within: Math.min(tries, mutant.within) }, { ...firmware, Messages })?.violation;
