/** The credential in the store: whole or the one before at every cut, and a clear word where there is none. */

import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { sentenceOf } from "../firmware/explain.js";
import {
  type CredentialFields,
  createAuth,
  type Floor,
  LinkSecurity,
  PROOFS,
  type Proof,
  readCredential,
  Status,
  type StoredCredential,
  writeCredential,
} from "../firmware/index.js";
import { Flash, isCut, TEARS, type Tear } from "../host-sim/world/flash.js";
import { Peer } from "./auth/peer.js";
import { SeededEntropy, VirtualClock, VirtualTime } from "./auth/time.js";

const tears = Object.keys(TEARS) as Tear[];
const SLOTS = ["motekey-creda", "motekey-credb"];
const FIELDS: CredentialFields = { deviceId: "device_123", psk: "correct horse" };

/** A store in which a credential was written for each of the keys. */
function flashWith(...psks: string[]): Flash {
  const flash = new Flash();
  for (const psk of psks) assert.equal(writeCredential(flash, { ...FIELDS, psk }), Status.OK);
  return flash;
}

/** Changes what lies in both slots, and its checks. */
function change(flash: Flash, edit: (value: Buffer) => void): void {
  for (const slot of SLOTS) {
    const value = flash.values.get(slot) as Buffer;
    edit(value);
    value.writeUInt32BE(crc32(value.subarray(0, -4)), value.length - 4);
  }
}

/** A store whose credential has a floor of a proof that this version does not know. */
function flashOfNewer(): Flash {
  const flash = new Flash();
  writeCredential(flash, { ...FIELDS, floor: { proof: "mac" } });
  change(flash, (value) => value.write("new", value.indexOf("mac")));
  return flash;
}

/** What a program in plain JavaScript may hand in as a floor. */
const WRONG_FLOORS: readonly unknown[] = [
  { proof: "MAC" },
  { proof: "mac+counter" },
  { proof: "" },
  { proof: 4 },
  { proof: null },
  { proof: ["mac"] },
  { link: "VERIFIED_TLS" },
  { link: "2" },
  { link: 5 },
  { link: -1 },
  { link: 1.5 },
  { link: Number.NaN },
  { link: null },
  { Link: 2 },
  { Proof: "mac" },
  { proof: "mac", tls: true },
  [],
  [{ proof: "mac" }],
  "mac",
  2,
  true,
  null,
];

/** A store whose credential rotted in both slots. */
function damaged(): Flash {
  const flash = flashWith("first");
  for (const slot of SLOTS) (flash.values.get(slot) as Buffer)[20] ^= 1;
  return flash;
}

/** The key that a boot finds; the status by its name where it finds none. */
function pskIn(flash: Flash): string {
  const { status, credential } = readCredential(flash);
  return credential === null ? Status[status] : Buffer.from(credential.psk).toString();
}

/** What a reading is of these fields. */
const storedOf = ({ deviceId, psk, floor, certificate, key }: CredentialFields): StoredCredential => ({
  deviceId,
  psk: new Uint8Array(Buffer.from(psk ?? "")),
  floor: { ...floor },
  certificate: certificate ?? "",
  key: key ?? "",
});

describe("a credential in the store", () => {
  it("lies there as RECORD.md tells", () => {
    const flash = new Flash();
    const floor = { proof: "mac", link: LinkSecurity.VERIFIED_TLS } as const;
    writeCredential(flash, { deviceId: "d1", psk: "key", floor, certificate: "crt", key: "k" });
    const head = Buffer.from(
      "6d6b010200000001 0013 02 00 02 6431 03 6b6579 03 6d6163 03 637274 01 6b".replace(/ /g, ""),
      "hex",
    );
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc32(head));
    assert.deepEqual(flash.values.get("motekey-creda"), Buffer.concat([head, check]));
  });

  it("is read as it was written, whatever is in it", () => {
    const text = fc.string({ unit: fc.constantFrom(..."abcXYZ019_-"), maxLength: 32 });
    const fields = fc.record(
      {
        deviceId: text.filter(({ length }) => length > 0),
        psk: fc.oneof(text, fc.uint8Array({ maxLength: 128 })),
        floor: fc.record(
          {
            proof: fc.constantFrom(...PROOFS),
            link: fc.integer({ min: 0, max: LinkSecurity.PSK_TLS }),
            token: fc.constant("sealed" as const),
          },
          { requiredKeys: [] },
        ),
        certificate: text,
        key: text,
      },
      { requiredKeys: ["deviceId"] },
    );
    fc.assert(
      fc.property(fields, (given) => {
        const flash = new Flash();
        assert.equal(writeCredential(flash, given), Status.OK);
        assert.deepEqual(readCredential(flash), { status: Status.OK, credential: storedOf(given) });
      }),
    );
  });

  it("asks for sealed tokens in the byte of the floor's link, where an earlier version takes it for broken", () => {
    for (const [link, byte] of [
      [undefined, 239],
      [LinkSecurity.PLAIN, 16],
      [LinkSecurity.PSK_TLS, 20],
    ] as const) {
      const flash = new Flash();
      const floor: Floor = { token: "sealed", ...(link === undefined ? {} : { link }) };
      assert.equal(writeCredential(flash, { ...FIELDS, floor }), Status.OK);
      assert.equal(flash.values.get("motekey-creda")?.[10], byte);
      assert.deepEqual(readCredential(flash).credential?.floor, floor);
    }
    for (let byte = 0; byte < 256; byte++) {
      const flash = new Flash();
      writeCredential(flash, FIELDS);
      change(flash, (value) => value.writeUInt8(byte, 10));
      const isKnown = byte < 5 || byte === 255 || (byte > 15 && byte < 21) || byte === 239;
      assert.equal(readCredential(flash).status === Status.OK, isKnown, `${byte}`);
    }
  });

  it("is the latest that was written; the one before lies beside it", () => {
    const flash = flashWith("first", "second", "third");
    assert.equal(pskIn(flash), "third");
    assert.deepEqual([...flash.values.keys()].sort(), ["motekey-creda", "motekey-credb", "motekey-mark"]);
  });

  it("fills both slots where there was none: no bit that rots in one of them loses the device", () => {
    const made = flashWith("first").values;
    for (const slot of SLOTS) {
      for (let bit = 0; bit < (made.get(slot) as Buffer).length * 8; bit++) {
        const flash = flashWith("first");
        (flash.values.get(slot) as Buffer)[bit >> 3] ^= 1 << (bit & 7);
        assert.equal(pskIn(flash), "first", `${slot}, bit ${bit}`);
      }
    }
    const broken = damaged();
    assert.equal(writeCredential(broken, { ...FIELDS, psk: "second" }), Status.OK);
    for (const slot of SLOTS) {
      const rotten = flashWith("first");
      for (const [name, value] of broken.values) rotten.values.set(name, Buffer.from(value));
      rotten.values.delete(slot);
      assert.equal(pskIn(rotten), "second", "where both were broken too");
    }
  });

  it("is the new one though the namespace of the old one had rotted away, and is found again where it did", () => {
    const hidden = flashWith("first", "second");
    hidden.hideAll();
    assert.equal(writeCredential(hidden, { ...FIELDS, psk: "third" }), Status.OK);
    assert.equal(pskIn(hidden), "third");
    hidden.hideAll();
    assert.equal(pskIn(hidden), "third");
  });

  for (const tear of tears) {
    it(`is whole, the one before or the new one, whenever power is cut while it is written (${tear})`, () => {
      for (const before of [[], ["first"], ["first", "second"]]) {
        const length = 10 + 2 + 1 + 10 + 1 + 5 + 3 + 4;
        for (let bytes = 0; bytes <= length; bytes++) {
          const flash = flashWith(...before);
          pskIn(flash); // which leaves the mark
          flash.cutNextWrite(bytes, tear);
          assert.ok(isCut(() => writeCredential(flash, { ...FIELDS, psk: "newer" })));
          const isAbsent = tear === "gone" || (bytes === 0 && tear === "short");
          const old = before[before.length - 1] ?? (isAbsent ? /MISSING/ : /BROKEN/);
          assert.match(pskIn(flash), bytes === length ? /^newer$/ : new RegExp(old), `cut after ${bytes}`);
          assert.equal(writeCredential(flash, { ...FIELDS, psk: "again" }), Status.OK);
          assert.equal(pskIn(flash), "again");
        }
      }
    });
  }

  it("is missing, broken, or not to be told of, each by a status of its own with a sentence of its own", () => {
    const broken = damaged();
    const newer = flashWith("first");
    change(newer, (value) => value.writeUInt8(2, 2));
    const found = [new Flash(), broken, newer, Object.assign(flashWith("a"), { isReadable: false })].map(
      pskIn,
    );
    assert.deepEqual(found, ["CREDENTIAL_MISSING", "CREDENTIAL_BROKEN", "CREDENTIAL_BROKEN", "STORE_FAILED"]);
    assert.match(sentenceOf(Status.CREDENTIAL_MISSING), /provision the device/);
    assert.match(sentenceOf(Status.CREDENTIAL_BROKEN), /provision the device anew/);
  });

  it("whose floor this version does not know is broken: a floor is never passed over", () => {
    assert.equal(pskIn(flashOfNewer()), "CREDENTIAL_BROKEN");
    const flash = new Flash();
    writeCredential(flash, { ...FIELDS, floor: { link: LinkSecurity.PSK_TLS } });
    change(flash, (value) => value.writeUInt8(9, 10));
    assert.equal(pskIn(flash), "CREDENTIAL_BROKEN");
  });

  for (const floor of WRONG_FLOORS) {
    it(`is not written with the floor ${JSON.stringify(floor)}`, () => {
      const flash = new Flash();
      assert.throws(() => writeCredential(flash, { ...FIELDS, floor: floor as Floor }), /motekey: floor/);
      assert.equal(flash.writes, 0);
    });
  }

  it("that the store does not take is told so, and the one before counts", () => {
    for (const failure of [{ isWritable: false }, { isLying: true }]) {
      const flash = Object.assign(flashWith("first"), failure);
      assert.equal(writeCredential(flash, { ...FIELDS, psk: "second" }), Status.STORE_FAILED);
      assert.equal(pskIn(flash), "first");
    }
    const blind = Object.assign(flashWith("first"), { isReadable: false });
    assert.equal(writeCredential(blind, FIELDS), Status.STORE_FAILED);
    assert.equal(blind.writes, 2, "nothing is written over what cannot be read");
  });

  it("is refused with a field that is empty or too long, by its name and without its content", () => {
    const flash = new Flash();
    assert.throws(
      () => writeCredential(flash, { deviceId: "" }),
      /deviceId is ""; it must be text that is not empty/,
    );
    assert.throws(
      () => writeCredential(flash, { ...FIELDS, psk: "s".repeat(129) }),
      (error: Error) => {
        assert.match(error.message, /psk is longer than 128 bytes/);
        return !error.message.includes("sss");
      },
    );
    assert.throws(
      () => writeCredential(flash, { ...FIELDS, certificate: "c".repeat(33) }),
      /certificate is longer/,
    );
    assert.equal(flash.writes, 0);
  });
});

describe("createAuth without a credential", () => {
  const cloud = { host: "cloud.example.com" };
  const portsWith = (store?: Flash) => {
    const time = new VirtualTime();
    const link = new Peer(time, "device_123");
    const ports = { link, clock: new VirtualClock(time), entropy: new SeededEntropy(1, []) };
    return { time, link, ports: store === undefined ? ports : { ...ports, store } };
  };

  it("takes id and key from the store", () => {
    const { time, link, ports } = portsWith(flashWith("correct horse"));
    const auth = createAuth({ cloud, proof: "password", allowInsecure: true }, ports);
    time.advance(1_000);
    const { packet } = link.connects[0];
    assert.deepEqual([packet.clientId, String(packet.password)], ["device_123", "correct horse"]);
    auth.close();
  });

  it("holds to the floor that was provisioned", () => {
    const flash = new Flash();
    writeCredential(flash, { ...FIELDS, floor: { proof: "mac" } });
    const make = () => createAuth({ cloud, proof: "password", allowInsecure: true }, portsWith(flash).ports);
    assert.throws(make, { status: Status.PROOF_BELOW_FLOOR });
  });

  for (const floor of WRONG_FLOORS) {
    it(`refuses the floor ${JSON.stringify(floor)} in its options`, () => {
      const credential = { psk: "key", floor: floor as Floor };
      const make = () => createAuth({ deviceId: "d1", cloud, credential }, portsWith().ports);
      assert.throws(make, /motekey: credential\.floor/);
    });
  }

  it("keeps the floor of the store beside a credential in its options: the stricter of both holds", () => {
    const flash = new Flash();
    writeCredential(flash, { ...FIELDS, floor: { proof: "mac" } });
    const make = (proof: Proof, floor?: Floor) => () =>
      createAuth(
        {
          deviceId: "device_123",
          cloud,
          credential: { psk: "key", ...(floor === undefined ? {} : { floor }) },
          proof,
          allowInsecure: true,
        },
        portsWith(flash).ports,
      );
    for (const proof of ["password", "digest", "counter", "password+digest"] as const)
      assert.throws(make(proof), { status: Status.PROOF_BELOW_FLOOR }, proof);
    assert.throws(make("digest", { proof: "digest" }), { status: Status.PROOF_BELOW_FLOOR });
    assert.throws(make("mac", { proof: "link" }), { status: Status.PROOF_BELOW_FLOOR });
    assert.throws(make("mac", { link: LinkSecurity.VERIFIED_TLS }), { status: Status.LINK_BELOW_FLOOR });
    make("mac", { proof: "digest" })().close();
    writeCredential(flash, { ...FIELDS, floor: { link: LinkSecurity.MUTUAL_TLS } });
    assert.throws(make("mac"), { status: Status.LINK_BELOW_FLOOR });
  });

  it("is refused beside a stored credential that is damaged or of a newer version: it may hold a floor", () => {
    const make = (store: Flash) => () =>
      createAuth({ deviceId: "d1", cloud, credential: { psk: "key" } }, portsWith(store).ports);
    assert.throws(make(flashOfNewer()), { status: Status.CREDENTIAL_BROKEN, message: /floor/ });
    make(new Flash())().close();
  });

  it("says what is wrong where there is none, where it is damaged, and where it is another device's", () => {
    const broken = damaged();
    const make = (store?: Flash, deviceId?: string) => () =>
      createAuth(deviceId === undefined ? { cloud } : { cloud, deviceId }, portsWith(store).ports);
    assert.throws(make(), /credential is missing, and there is no store/);
    assert.throws(make(new Flash()), { status: Status.CREDENTIAL_MISSING, message: /provision the device/ });
    assert.throws(make(broken), { status: Status.CREDENTIAL_BROKEN });
    assert.throws(
      make(flashWith("a"), "device_9"),
      /deviceId device_9 is not the stored credential's, device_123/,
    );
    assert.throws(
      () => createAuth({ cloud, credential: { psk: "a" } }, portsWith(flashWith("b")).ports),
      /deviceId is missing/,
    );
  });
});
