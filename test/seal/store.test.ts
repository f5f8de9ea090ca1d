/** A sealed store: what is kept survives every cut, also that of sealing it, and no secret is left as it was. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { readCredential, Status, writeCredential } from "../../firmware/index.js";
import { SealedStore, type SealOptions, Strength } from "../../firmware/seal.js";
import { explain } from "../../host-sim/explain.js";
import { Flash, isCut, TEARS, type Tear } from "../../host-sim/world/flash.js";
import { Lives } from "../auth/lives.js";
import { APP, World } from "../auth/world.js";
import { mended, plainRecord, secretOf } from "./oracle.js";

const FIELDS = { deviceId: "device_123" };
const SLOTS = ["motekey-creda", "motekey-credb"];
const TOKEN = 6;
const HOST = 4;
const tears = Object.keys(TEARS) as Tear[];

let draws = 0;
const entropy = { fill: (bytes: Uint8Array, from: number) => bytes.fill(draws++ & 0xff, from) };

/** A boot's store over this flash: nothing of the boot before is in it. */
const sealed = (flash: Flash, options: Partial<SealOptions> = {}): SealedStore => {
  const secret = new Uint8Array(secretOf(Buffer.alloc(32, 7)));
  return new SealedStore(flash, { key: { secret, strength: Strength.SEALED }, entropy, ...options });
};

/** The key that a boot finds; the status by its name where it finds none. */
function pskIn(flash: Flash, options: Partial<SealOptions> = {}): string {
  const { status, credential } = readCredential(sealed(flash, options));
  return credential === null ? (Status[status] as string) : Buffer.from(credential.psk).toString();
}

const holds = (flash: Flash, text: string): boolean =>
  [...flash.values.values()].some((value) => value.includes(text));

/** Flash in which keys were written one after the other, each sealed or not. */
function flashWith(...keys: { psk: string; isSealed?: boolean }[]): Flash {
  const flash = new Flash();
  for (const { psk, isSealed = false } of keys)
    assert.equal(writeCredential(isSealed ? sealed(flash) : flash, { ...FIELDS, psk }), Status.OK);
  return flash;
}

const copyOf = (flash: Flash): Flash => {
  const copy = new Flash();
  for (const [name, value] of flash.values) copy.values.set(name, Buffer.from(value));
  return copy;
};

const generationIn = (flash: Flash, name: string): number =>
  (flash.values.get(name) as Buffer).readUInt32BE(4);

describe("a sealed store", () => {
  it("keeps a client's credential and tokens, and explain() says what protects them", () => {
    const lives = new Lives({ proof: "password" });
    assert.equal(explain(lives.world.client).atRest, "unsealed");
    const { flash } = lives;
    for (const [strength, sealing] of [
      [Strength.OBFUSCATED, "obfuscated"],
      [Strength.SEALED, "sealed"],
    ] as const) {
      const secret = new Uint8Array(32).fill(9);
      const store = () => new SealedStore(flash, { key: { secret, strength }, entropy });
      const world = lives.boot(undefined, { store: store() });
      assert.equal(explain(world.client).atRest, sealing);
      const token = world.soon().token as string;
      lives.sleep(1_000);
      assert.ok(!holds(flash, token), "asleep, its token is in flash");
      const again = lives.boot(1_000, { store: store() });
      again.peer.isReachable = false;
      assert.equal(again.soon(APP, 0).token, token);
      assert.ok(!holds(flash, token));
      lives.crash();
    }
    assert.equal(explain(new World().client).atRest, "none");
  });

  it("has nothing of a credential in flash that can be read, and reads it back", () => {
    const flash = flashWith({ psk: "correct horse", isSealed: true });
    assert.equal(pskIn(flash), "correct horse");
    for (const text of ["correct horse", "device_123"]) assert.ok(!holds(flash, text));
    assert.equal(sealed(flash).sealing, "sealed");
    assert.equal(readCredential(flash).status, Status.CREDENTIAL_BROKEN, "without a seal it is none");
  });

  it("seals every kind of record but those that hold no secret, also kinds that no release has", () => {
    for (let kind = 1; kind < 256; kind++) {
      const flash = new Flash();
      const record = plainRecord(kind, 1, 1, Buffer.from("a secret or not"));
      sealed(flash).write("motekey-thinga", record, record.length);
      assert.equal(holds(flash, "a secret"), [1, 3, 4, 5].includes(kind), `kind ${kind}`);
    }
  });

  it("lets values that are no records through as they are", () => {
    const flash = new Flash();
    const store = sealed(flash);
    assert.ok(store.write("motekey-mark", new Uint8Array([0]), 1));
    assert.deepEqual(flash.values.get("motekey-mark"), Buffer.of(0));
    assert.equal(store.read("motekey-mark", new Uint8Array(1)), 1);
    assert.equal(store.read("motekey-none", new Uint8Array(1)), -1);
    flash.isReadable = false;
    assert.equal(store.read("motekey-creda", new Uint8Array(400)), -2);
  });

  it("seals at boot what it finds unsealed, in both slots, and says unsealed as long as it could not", () => {
    for (const keys of [["first"], ["first", "second"], ["first", "second", "third"]]) {
      const flash = flashWith(...keys.map((psk) => ({ psk })));
      const newest = keys[keys.length - 1] as string;
      const full = Object.assign(copyOf(flash), { isLying: true });
      const store = sealed(full);
      assert.equal(readCredential(store).status, Status.OK);
      assert.equal(store.sealing, "unsealed");
      const { writes } = flash;
      assert.equal(pskIn(flash), newest);
      for (const psk of keys) assert.ok(!holds(flash, psk));
      assert.equal(flash.writes - writes, 2);
      assert.equal(pskIn(flash), newest);
      assert.equal(flash.writes - writes, 2, "once");
      for (const slot of SLOTS) {
        const rotten = copyOf(flash);
        (rotten.values.get(slot) as Buffer)[50] ^= 1;
        assert.equal(pskIn(rotten), newest, "each slot has it");
      }
    }
  });

  for (const tear of tears) {
    it(`has a whole credential at every cut while it seals one, and goes on at the next boot (${tear})`, () => {
      for (const keys of [["first"], ["first", "second"]]) {
        const newest = keys[keys.length - 1] as string;
        const plain = flashWith(...keys.map((psk) => ({ psk })));
        const length = 10 + 2 + 1 + 10 + 1 + newest.length + 3 + 4 + 50;
        for (let at = 0; at <= 2 * length + 1; at++) {
          const flash = copyOf(plain);
          const write = flash.write.bind(flash);
          let begun = 0;
          flash.write = (...args) => {
            if (begun++ === Math.floor(at / (length + 1))) flash.cutNextWrite(at % (length + 1), tear);
            return write(...args);
          };
          assert.ok(
            isCut(() => pskIn(flash)),
            `cut ${at}`,
          );
          flash.write = write;
          assert.equal(pskIn(copyOf(flash)), newest, `cut ${at}`);
          assert.equal(pskIn(flash), newest);
          for (const psk of keys) assert.ok(!holds(flash, psk), `cut ${at}: ${psk} is left`);
          assert.equal(readCredential(flash).status, Status.CREDENTIAL_BROKEN, "nothing is unsealed");
        }
      }
    });
  }

  it("leaves no old key where one slot is sealed and the other is not, or is torn", () => {
    const after = flashWith({ psk: "the old key" });
    const before = copyOf(after);
    assert.equal(writeCredential(sealed(after), { ...FIELDS, psk: "the new one" }), Status.OK);
    const older = generationIn(after, "motekey-creda") > generationIn(after, "motekey-credb") ? 1 : 0;
    const slot = SLOTS[older] as string;
    for (const cut of [0, 14, 20]) {
      const flash = copyOf(after);
      const old = before.values.get(slot) as Buffer;
      flash.values.set(slot, Buffer.concat([Buffer.alloc(cut, 0xff), old.subarray(cut)]));
      assert.ok(holds(flash, "old key"));
      assert.equal(pskIn(flash), "the new one");
      assert.ok(!holds(flash, "old key"), `cut after ${cut}`);
      assert.equal(sealed(flash).sealing, "sealed");
    }
  });

  it("writes nothing over where no slot is whole, nor where it cannot tell", () => {
    const flash = flashWith({ psk: "first", isSealed: true });
    const secret = new Uint8Array(32).fill(1);
    const other = { key: { secret, strength: Strength.SEALED } };
    const { writes } = flash;
    assert.equal(pskIn(flash, other), "SEAL_FOREIGN");
    flash.isReadable = false;
    assert.equal(pskIn(flash), "STORE_FAILED");
    flash.isReadable = true;
    assert.equal(flash.writes, writes);
    assert.equal(pskIn(flash), "first");
  });

  it("says of a credential that is not to be had why: damaged, changed, misplaced, another device's, or not sealed", () => {
    const good = flashWith({ psk: "first", isSealed: true });
    const damaged = copyOf(good);
    const changed = copyOf(good);
    const swapped = copyOf(good);
    for (const slot of SLOTS) {
      const value = good.values.get(slot) as Buffer;
      (damaged.values.get(slot) as Buffer)[50] ^= 1;
      const edited = Buffer.from(value);
      edited[50] ^= 1;
      changed.values.set(slot, mended(edited));
      swapped.values.set(SLOTS[1 - SLOTS.indexOf(slot)] as string, value);
    }
    assert.equal(pskIn(damaged), "CREDENTIAL_BROKEN");
    assert.equal(pskIn(changed), "SEAL_BROKEN");
    assert.equal(pskIn(swapped), "SEAL_MISPLACED");
    const plain = flashWith({ psk: "first" });
    assert.equal(pskIn(copyOf(plain), { onPlain: "refuse" }), "SEAL_MISSING");
    assert.equal(pskIn(new Flash()), "CREDENTIAL_MISSING");
  });

  it("that refuses what is unsealed takes a key that was slipped in for none, and writes over it", () => {
    const flash = flashWith({ psk: "our own", isSealed: true });
    const slipped = flashWith({ psk: "1" }, { psk: "2" }, { psk: "a stranger's" });
    for (const slot of SLOTS) {
      const attacked = copyOf(flash);
      attacked.values.set(slot, Buffer.from(slipped.values.get("motekey-credb") as Buffer));
      assert.equal(pskIn(copyOf(attacked)), "a stranger's", "else the higher generation counts");
      assert.equal(pskIn(attacked, { onPlain: "refuse" }), "our own");
      assert.ok(!holds(attacked, "stranger"));
    }
  });

  it("takes an unsealed token out of both slots, also one that had been used", () => {
    const token = plainRecord(TOKEN, 2, 3, Buffer.from("lease and an unsealed token"));
    const host = plainRecord(HOST, 2, 4, Buffer.from("ownrapp.example.com"));
    for (const [a, b] of [
      [token, host],
      [host, token],
      [token, undefined],
    ]) {
      const flash = new Flash();
      flash.values.set("motekey-h0a", a as Buffer);
      if (b !== undefined) flash.values.set("motekey-h0b", b);
      const store = sealed(flash);
      store.read("motekey-h0a", new Uint8Array(200));
      assert.ok(!holds(flash, "unsealed token"));
      assert.equal(store.sealing, "sealed");
    }
  });

  it("is never older than the latest that counted, and never readable, whatever is cut, fails or lies", () => {
    const step = fc.record({
      what: fc.constantFrom("save", "boot", "cut", "cut boot", "fail", "lie"),
      isSealing: fc.boolean(),
      n: fc.nat(90),
      tear: fc.constantFrom(...tears),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const flash = new Flash();
        let counted = 0;
        let isSealing = false;
        for (const [i, { what, n, tear, ...now }] of steps.entries()) {
          // A device gets firmware that seals, and keeps it.
          isSealing ||= now.isSealing;
          flash.isWritable = what !== "fail";
          flash.isLying = what === "lie";
          if (what.startsWith("cut")) flash.cutNextWrite(n, tear);
          isCut(() => {
            if (what.endsWith("boot")) readCredential(isSealing ? sealed(flash) : flash);
            else {
              const psk = `key number ${i + 1}.`;
              const status = writeCredential(isSealing ? sealed(flash) : flash, { ...FIELDS, psk });
              if (status === Status.OK) counted = i + 1;
            }
          });
          Object.assign(flash, { isWritable: true, isLying: false });
          const look = copyOf(flash);
          const psk = isSealing ? pskIn(look) : pskInPlain(look);
          assert.ok(
            counted === 0 || Number(/^key number (\d+)\.$/.exec(psk)?.[1]) >= counted,
            `${what}: ${psk}`,
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});

function pskInPlain(flash: Flash): string {
  const { status, credential } = readCredential(flash);
  return credential === null ? (Status[status] as string) : Buffer.from(credential.psk).toString();
}
