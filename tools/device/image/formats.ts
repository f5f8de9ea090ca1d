/** The formats beside NVS: Espruino's Storage, and Espressif's esp_secure_cert. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Context } from "../../cli/act.js";
import { STORAGE_BYTES, StorageImage } from "../../espruino/storage.js";
import type { Difference } from "../../nvs/diff.js";
import { certValue, SECURE_CERT_BYTES, secureCertIn, secureCertOf, TlvType } from "../../secure-cert/tlv.js";
import { fileBytes } from "../files.js";
import { type ClientCertificate, type Identity, provisionShelf, StorageStore } from "../provision.js";
import { UNSEALED } from "../seal-key.js";
import { numberOf } from "../settings.js";
import type { ImageFlags, MadeImage } from "./made.js";

/** Espruino's Storage with the credential in both of its files; what else it holds stays. */
export async function storageImage(
  { system }: Context,
  flags: ImageFlags,
  identity: Identity,
): Promise<MadeImage> {
  const image =
    flags.merge === undefined
      ? new StorageImage(flags.size === undefined ? STORAGE_BYTES : numberOf("--size", flags.size))
      : StorageImage.read(await fileBytes(system, "--merge", flags.merge));
  const before = new Map([...image.items()].map(({ name, data }) => [name, Buffer.from(data)]));
  const { counter, isReplaced } = provisionShelf(new StorageStore(image), identity);
  return {
    ...{ bytes: image.toBytes(), counter, isReplaced, isEncrypted: false, unit: "bytes" },
    sealing: UNSEALED,
    ...{ used: image.used, usable: image.size, changes: changesOf(before, image) },
  };
}

function changesOf(before: ReadonlyMap<string, Buffer>, image: StorageImage): Difference[] {
  const found: Difference[] = [];
  const tell = (key: string, change: Difference["change"]): number =>
    found.push({ namespace: "", key, change });
  for (const [name, data] of before) {
    const after = image.get(name);
    if (after === null) tell(name, "removed");
    else if (!data.equals(after)) tell(name, "changed");
  }
  for (const { name } of image.items()) if (!before.has(name)) tell(name, "added");
  return found;
}

/** An esp_secure_cert partition: the CA that the cloud's certificate is checked against, the device's, and its key. */
export function secureCertImage(flags: ImageFlags, { cert, key, ca }: ClientCertificate): MadeImage {
  const records = [
    ...(ca === null ? [] : [{ type: TlvType.CA_CERT, value: certValue(pemOf(ca)) }]),
    { type: TlvType.DEVICE_CERT, value: certValue(pemOf(cert)) },
    { type: TlvType.PRIVATE_KEY, value: certValue(keyPemOf(key)) },
  ];
  const bytes = secureCertOf(
    records,
    flags.size === undefined ? SECURE_CERT_BYTES : numberOf("--size", flags.size),
  );
  const used = secureCertIn(bytes).reduce(
    (sum, { value }) => sum + 16 + Math.ceil(value.length / 16) * 16,
    0,
  );
  return {
    ...{ bytes, counter: null, isReplaced: false, isEncrypted: false, unit: "bytes" },
    sealing: null,
    ...{ used, usable: bytes.length, changes: [] },
  };
}

const pemOf = (der: Uint8Array): Buffer => Buffer.from(new X509Certificate(der).toString());

const keyPemOf = (der: Uint8Array): Buffer =>
  Buffer.from(
    createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" }).export({
      format: "pem",
      type: "pkcs8",
    }),
  );
