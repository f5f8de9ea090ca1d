import { CertificateAuthority, type KeyPair } from "../../host-sim/cloud/certificates.js";

const DAY_MS = 86_400_000;

/** Where all test servers listen. */
const HOSTS = ["localhost", "127.0.0.1"];

/** Certificates good and bad: what servers and devices show, and what each believes. */
export interface Pki {
  ca: CertificateAuthority;
  /** Another CA that nobody trusts unless told to. */
  other: CertificateAuthority;
  server: Record<"good" | "otherCa" | "otherName" | "expired" | "notYetValid" | "revoked", KeyPair>;
  device: Record<"rsa" | "ec" | "ed25519" | "otherCa" | "expired" | "revoked", KeyPair>;
  /** Of `ca`: with the revoked ones, and the same out of date. */
  crl: string;
  oldCrl: string;
}

/** Makes them all. @param id the devices' common name */
export async function makePki(id: string): Promise<Pki> {
  const ca = await CertificateAuthority.create("motekey test CA", "rsa");
  const other = await CertificateAuthority.create("another CA");
  const [yesterday, tomorrow] = [new Date(Date.now() - DAY_MS), new Date(Date.now() + DAY_MS)];
  const past = { validFrom: new Date(yesterday.getTime() - DAY_MS), validTo: yesterday };
  const future = { validFrom: tomorrow, validTo: new Date(tomorrow.getTime() + DAY_MS) };
  const server = {
    good: await ca.issue({ name: "broker", hosts: HOSTS }),
    otherCa: await other.issue({ name: "broker", hosts: HOSTS }),
    otherName: await ca.issue({ name: "broker", hosts: ["broker.example.com"] }),
    expired: await ca.issue({ name: "broker", hosts: HOSTS, ...past }),
    notYetValid: await ca.issue({ name: "broker", hosts: HOSTS, ...future }),
    revoked: await ca.issue({ name: "broker", hosts: HOSTS }),
  };
  const device = {
    rsa: await ca.issue({ name: id, keyType: "rsa" }),
    ec: await ca.issue({ name: id, keyType: "ec" }),
    ed25519: await ca.issue({ name: id, keyType: "ed25519" }),
    otherCa: await other.issue({ name: id }),
    expired: await ca.issue({ name: id, ...past }),
    revoked: await ca.issue({ name: id }),
  };
  ca.revoke(server.revoked.cert);
  ca.revoke(device.revoked.cert);
  return { ca, other, server, device, crl: await ca.crl(), oldCrl: await ca.crl(yesterday) };
}
