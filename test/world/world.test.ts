/** Devices of both cores over days of faults, one seed deciding all: every check holds, and each check can fail. */
import assert from "node:assert/strict";
import { type AuthClient, createAuth, type Host, Status } from "../../firmware/index.js";
import {
  type Check,
  type Draw,
  drawPlan,
  FAULT_KINDS,
  hashOf,
  KINDS,
  type MakeClient,
  ORDINARY,
  type Plan,
  runCell,
  runFleet,
} from "../../host-sim/world/index.js";

const DAY_MS = 86_400_000;
const SEED = Number(process.env.SEED ?? 1);
const draw: Draw = { seed: SEED, forMs: DAY_MS, rates: ORDINARY };
const calm: Plan = {
  ...drawPlan({ seed: SEED, forMs: DAY_MS / 8, rates: {}, core: "byte", proof: "counter+mac" }, 0),
  periodMs: 60_000,
  lifetimeS: 300,
  hosts: 2,
};

/** A client whose hosts are changed by `change`. */
const withHosts =
  (change: (host: Host, name: string, client: AuthClient) => Host): MakeClient =>
  (auth, ports) => {
    const client = createAuth(auth, ports);
    return Object.create(client, {
      state: { get: () => client.state },
      onState: { set: (onState) => Object.assign(client, { onState }) },
      host: { value: (name: string) => change(client.host(name), name, client) },
    });
  };

const changed = (host: Host, changes: Partial<Host>): Host =>
  Object.create(host, Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, { value }])));

/** Clients that are broken on purpose, each with the check that is to notice. */
const BROKEN: Record<string, [Check, MakeClient]> = {
  "hands a token out for ever": [
    "token",
    withHosts((host) => {
      let kept: { bytes: Uint8Array; length: number; generation: number; remainingMs: number } | null = null;
      return changed(host, {
        getToken: (onToken) =>
          host.getToken((status, token) => {
            if (kept === null && token !== null) kept = { ...token, bytes: token.bytes.slice() };
            onToken(status, kept as never);
          }),
      });
    }),
  ],
  "hands out another host's token": [
    "token",
    withHosts((host, _name, client) =>
      changed(host, { getToken: (onToken) => client.host("app0.example.com").getToken(onToken) }),
    ),
  ],
  "never gets a token": [
    "service",
    withHosts((host) =>
      changed(host, { getToken: (onToken) => host.getToken(() => onToken(Status.TIMEOUT, null)) }),
    ),
  ],
  "tells a call twice": [
    "ends",
    withHosts((host) =>
      changed(host, {
        getToken: (onToken) =>
          host.getToken((status, token) => {
            onToken(status, token);
            onToken(status, token);
          }),
      }),
    ),
  ],
  "forgets a call": [
    "ends",
    withHosts((host) => changed(host, { getToken: () => host.getToken(() => undefined) })),
  ],
  "shows its key": ["secret", (auth, ports) => createAuth({ ...auth, proof: "password" }, ports)],
  "writes over its credential": [
    "credential",
    (auth, ports) => {
      const client = createAuth(auth, ports);
      for (const slot of ["a", "b"]) ports.store?.write(`motekey-cred${slot}`, new Uint8Array(20), 20);
      return client;
    },
  ],
};

describe("the simulated world", () => {
  it("finds nothing wrong with devices of both cores over a day of faults each", () => {
    const { failures, tally } = runFleet(draw, 0, 24);
    const shown = failures.map(
      ({ violation, plan }) => `seed ${plan.seed}, device ${plan.device}: ${JSON.stringify(violation)}`,
    );
    assert.deepEqual(shown, []);
    assert.ok(tally.ends["get OK"] > 2_000, JSON.stringify(tally.ends));
    assert.ok(tally.boots > 40 && tally.faults > 240, `${tally.boots} boots, ${tally.faults} faults`);
  });

  it("draws every kind of fault that has a rate", () => {
    const drawn = new Set(
      Array.from({ length: 60 }, (_, device) => drawPlan(draw, device).faults).flatMap((faults) =>
        faults.map(({ kind }) => kind),
      ),
    );
    for (const kind of FAULT_KINDS) assert.equal(drawn.has(kind), KINDS[kind].perDay > 0, kind);
  });

  it("has the same trace for the same seed, however the devices are shared out, and another for another", () => {
    const whole = runFleet(draw, 0, 6).hashes;
    const parts = [...runFleet(draw, 0, 2).hashes, ...runFleet(draw, 2, 6).hashes];
    assert.equal(hashOf(parts), hashOf(whole));
    assert.equal(new Set(whole).size, 6);
    assert.notEqual(hashOf(runFleet({ ...draw, seed: SEED + 1 }, 0, 6).hashes), hashOf(whole));
  });

  it("finds nothing wrong where nothing is", () => {
    assert.equal(runCell(calm).violation, undefined);
  });

  for (const [what, [check, make]] of Object.entries(BROKEN))
    it(`catches a client that ${what}`, () => {
      const { violation } = runCell(check === "credential" ? { ...calm, faults: CRASH } : calm, { make });
      assert.equal(violation?.check, check, JSON.stringify(violation));
    });
});

const CRASH = [{ kind: "crash", atMs: 200_000, forMs: 1_000, n: 0 }] as const;
