/** esp_secure_cert partitions, against one that Espressif's own tool made. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Failure } from "../../../tools/cli/failure.js";
import { certValue, secureCertIn, secureCertOf, TlvType } from "../../../tools/secure-cert/tlv.js";

/**
 * tools/tests/input_data/esp_secure_cert.bin of espressif/esp_secure_cert_mgr at 2296511: two CAs, a certificate with
 * its key, and three records of other types.
 */
const THEIRS = readFileSync(new URL("esp_secure_cert.bin", import.meta.url));

describe("esp_secure_cert", () => {
  it("the records of Espressif's partition are read, and written byte for byte", () => {
    const records = secureCertIn(THEIRS);
    assert.deepEqual(
      records.map(({ type, subtype, value }) => [type, subtype, value.length]),
      [
        ...[
          [TlvType.CA_CERT, 0, 1108],
          [TlvType.CA_CERT, 1, 1108],
          [TlvType.DEVICE_CERT, 0, 1156],
        ],
        ...[
          [TlvType.PRIVATE_KEY, 0, 1680],
          [51, 0, 31],
          [52, 0, 16],
          [9, 0, 32],
        ],
      ],
    );
    assert.ok(secureCertOf(records, THEIRS.length).equals(THEIRS));
  });

  it("PEM gets the NUL that ends it, as theirs has, and DER none", () => {
    const [ca] = secureCertIn(THEIRS);
    const value = Buffer.from(ca?.value ?? []);
    assert.ok(certValue(value.subarray(0, -1)).equals(value));
    assert.deepEqual(certValue(Buffer.from([0x30, 0x82])), Buffer.from([0x30, 0x82]));
  });

  it("a record that is damaged, and more than fits, is refused", () => {
    const damaged = Buffer.from(THEIRS);
    damaged[100] = (damaged[100] as number) ^ 1;
    assert.throws(() => secureCertIn(damaged), Failure);
    assert.throws(() => secureCertOf([{ type: 0, value: Buffer.alloc(0x2000) }]), Failure);
  });
});
