/** `motekey device create` with a certificate in place of a shared key. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { PublicKey } from "@peculiar/x509";
import { keyTypeOf, newKeyPem } from "../../ca/algorithms.js";
import { Authority } from "../../ca/authority.js";
import { daysOf } from "../../ca/profile.js";
import { keyOfRequest } from "../../ca/request.js";
import type { Context } from "../../cli/act.js";
import { printable, usage } from "../../cli/failure.js";
import type { System } from "../../cli/system.js";
import { DeviceCloud } from "../cloud.js";
import { fileBytes, secretBytes, writeOwn } from "../files.js";
import type { CreateFlags } from "./flags.js";

/** What a device's files are called. */
interface Files {
  readonly key: string | null;
  readonly cert: string;
}

/** Signs a key of the device's, and registers the device with that certificate. The same again is the same device. */
export async function createCertified(context: Context, id: string, flags: CreateFlags): Promise<void> {
  const { system, output } = context;
  if (flags.groupKeyFile !== undefined || (flags.cert !== undefined && flags.csr !== undefined))
    throw usage("--cert, --csr and --group-key-file are three kinds of device.", "Give one of them.");
  const days = daysOf(flags);
  const files = { key: flags.csr === undefined ? (flags.out ?? `${id}.key`) : null, cert: `${id}.crt` };
  const cloud = await DeviceCloud.open(context, flags);
  if (flags.dryRun === true) {
    const known = await cloud.find(id);
    const none = {
      id,
      state: null,
      key_fingerprint: null,
      next_key_fingerprint: null,
      cert_fingerprint: null,
      counter: null,
      history: [],
    };
    return output.answer(
      { ...(known ?? none), created: false, ...named(files), done: false },
      known === null
        ? `Would register ${id}, with a certificate in ${files.cert}.`
        : `${id} is registered: ${known.state}.`,
    );
  }
  const key = await keyOf(system, files.key, flags);
  const cert =
    (await certificateThere(system, files.cert, key)) ?? (await signed(context, id, files, key, days, flags));
  const device = await cloud.create(id, { cert_fingerprint: cert.fingerprint256 });
  output.answer(
    { ...device, ...named(files), done: true },
    `${device.created ? "Registered" : "Already registered:"} ${id}, its certificate in ${files.cert}${files.key === null ? "" : `, its key in ${files.key}`} (until ${new Date(cert.validTo).toISOString()})`,
  );
}

const named = ({ key, cert }: Files) => ({ psk_file: null, cert_file: cert, key_file: key });

/** The public key of the request, or of the key's file, which is made where it is not there. */
async function keyOf(system: System, file: string | null, flags: CreateFlags): Promise<PublicKey> {
  if (file === null) return keyOfRequest(system, flags.csr ?? "");
  if (!existsSync(resolve(system.directory, file))) {
    const pem = await newKeyPem(keyTypeOf("--cert", flags.cert ?? ""));
    system.secrets.keepPem(pem);
    // Before anybody knows its certificate: a run that dies in between finds its key, and makes no second one.
    await writeOwn(system, file, Buffer.from(pem), false);
  }
  const bytes = await secretBytes(system, "--out", file);
  const pem = bytes.toString("latin1");
  bytes.fill(0);
  system.secrets.keepPem(pem);
  let key: KeyObject;
  try {
    key = createPublicKey(createPrivateKey(pem));
  } catch {
    throw usage(`${printable(file)} holds no private key.`, "Give another --out, or remove it.");
  }
  return new PublicKey(key.export({ type: "spki", format: "der" }));
}

/** A certificate that an earlier run wrote for this key. */
async function certificateThere(
  system: System,
  file: string,
  key: PublicKey,
): Promise<X509Certificate | null> {
  if (!existsSync(resolve(system.directory, file))) return null;
  const cert = new X509Certificate(await fileBytes(system, "The certificate", file));
  const its = cert.publicKey.export({ type: "spki", format: "der" });
  if (its.equals(Buffer.from(key.rawData))) return cert;
  throw usage(
    `${printable(file)} is there already, and is of another key.`,
    "Remove it, or give another --id.",
  );
}

async function signed(
  { system }: Context,
  id: string,
  { cert: file }: Files,
  key: PublicKey,
  days: number,
  flags: CreateFlags,
): Promise<X509Certificate> {
  const authority = await Authority.open(system, flags);
  try {
    const { cert } = await authority.sign(id, key, days);
    await writeOwn(system, file, Buffer.from(cert), false);
    return new X509Certificate(cert);
  } finally {
    await authority.close();
  }
}
