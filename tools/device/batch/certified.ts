/**
 * A batch whose devices have certificates of the project's authority. A private key comes from nowhere a second time:
 * what was signed is in its file, and that in the journal, before the cloud knows of it.
 */
import "reflect-metadata"; // what @peculiar/x509 builds on expects it to be there
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { PublicKey } from "@peculiar/x509";
import { type KeyType, newKeyPem } from "../../ca/algorithms.js";
import type { Authority } from "../../ca/authority.js";
import { PROFILES } from "../../ca/flags.js";
import type { Issued } from "../../ca/ledger.js";
import { keyOfRequest } from "../../ca/request.js";
import type { Context } from "../../cli/act.js";
import { interrupted } from "../../cli/prompt.js";
import type { System } from "../../cli/system.js";
import { type Batch, groupsOf, refusal } from "./batch.js";
import type { Wanted } from "./devices.js";
import type { Output } from "./folder.js";
import type { Images } from "./images.js";
import { isAsWritten, type Made, type SignedFile } from "./journal.js";

/** Signing takes longer than writing: a cut loses little. */
const GROUP = 32;

/** How certificates are made. */
export interface CertifiedHow {
  readonly authority: Authority;
  readonly days: number;
  /** A key of this kind is made for each; else the folder with the requests of the devices, ID.csr. */
  readonly from: { readonly keys: KeyType } | { readonly requests: string };
  /** DER: the authority that devices check the cloud's certificate against. */
  readonly cloudCa: Uint8Array | null;
}

/** A device that is to be made. */
interface Making {
  readonly wanted: Wanted;
  readonly isAgain: boolean;
}

/** What a device has when its file is written. */
interface Signed extends Making {
  readonly file: SignedFile;
}

/** Makes every device of the list that is not made yet. */
export class CertifiedRun {
  /** A run that ends has made all. */
  readonly left = 0;
  private readonly files: Map<string, SignedFile[]>;

  constructor(
    private readonly context: Context,
    private readonly batch: Batch,
    private readonly images: Images,
    private readonly how: CertifiedHow,
  ) {
    this.files = batch.journal.resumed.signed;
  }

  async makeAll(): Promise<void> {
    for await (const group of groupsOf(this.making(), GROUP)) {
      if (this.context.system.interrupted.aborted) throw interrupted();
      await this.make(group);
    }
    await this.takeBack();
  }

  private async *making(): AsyncGenerator<Making> {
    const { journal, rows } = this.batch;
    for (const wanted of journal.resumed.again) yield { wanted, isAgain: true };
    for await (const wanted of rows) yield { wanted, isAgain: false };
  }

  private async make(group: readonly Making[]): Promise<void> {
    const { cloud, folder, journal, counts, progress } = this.batch;
    const known = await cloud.check(
      group.map(({ wanted: { id } }) => ({ id, cert_fingerprint: this.last(id)?.cert_fingerprint ?? "" })),
    );
    const lines: Made[] = [];
    const signed: Signed[] = [];
    const outputs: Output[] = [];
    for (const [index, making] of group.entries()) {
      const { wanted } = making;
      const why = await this.refusedFor(wanted.id, known[index]?.state ?? "unknown", known[index]?.same_key);
      if (why !== null) {
        lines.push(refusal(this.batch, this.context.output.warn.bind(this.context.output), wanted, why));
        continue;
      }
      const before = this.last(wanted.id);
      if (before !== undefined && (await isAsWritten(folder, before))) {
        signed.push({ ...making, file: before });
        continue;
      }
      const { output, file } = await this.sign(wanted);
      outputs.push(output);
      signed.push({ ...making, file });
    }
    await folder.write(outputs);
    const fresh = signed.map(({ file }) => file).filter((file) => this.last(file.device) !== file);
    if (fresh.length > 0) await journal.append(fresh);
    for (const file of fresh) this.files.set(file.device, [...(this.files.get(file.device) ?? []), file]);
    lines.push(...(await this.register(signed)));
    await journal.append(lines);
    const { made, before, refused } = counts;
    progress.tell(made + before + refused);
  }

  /** Why the cloud would not have the device; null: it would. */
  private async refusedFor(id: string, state: string, isSame: boolean | undefined): Promise<string | null> {
    if (state === "unknown" || (state === "active" && isSame === true)) return null;
    if (state === "revoked") return `the device ${id} was revoked`;
    const { cert_fingerprint } = await this.batch.cloud.show(id);
    const isOurs = (this.files.get(id) ?? []).some((file) => file.cert_fingerprint === cert_fingerprint);
    return isOurs ? null : `the id ${id} is taken, with another key`;
  }

  /** Each with its certificate; one that has an earlier certificate of this batch gets the new one. */
  private async register(signed: readonly Signed[]): Promise<Made[]> {
    const { cloud, counts } = this.batch;
    const { output } = this.context;
    if (signed.length === 0) return [];
    const answers = await cloud.createMany(
      signed.map(({ file: { device: id, cert_fingerprint } }) => ({ id, cert_fingerprint })),
    );
    const lines: Made[] = [];
    for (const [index, { wanted, isAgain, file }] of signed.entries()) {
      const answer = answers[index];
      if (answer !== undefined && "error" in answer) {
        if ((await this.refusedFor(wanted.id, "active", false)) !== null) {
          lines.push(refusal(this.batch, output.warn.bind(output), wanted, answer.error.message));
          continue;
        }
        await cloud.certify(wanted.id, file.cert_fingerprint);
      }
      if (!isAgain) counts.made++;
      const { cert_fingerprint, sha256 } = file;
      lines.push({
        did: isAgain ? "made again" : "made",
        device: wanted.id,
        key_fingerprint: "",
        cert_fingerprint,
        counter: 0,
        file: file.file,
        sha256,
      });
    }
    return lines;
  }

  private async sign(wanted: Wanted): Promise<{ output: Output; file: SignedFile }> {
    const { authority, days, from, cloudCa } = this.how;
    const { system } = this.context;
    const { id } = wanted;
    let output: Output;
    let cert: X509Certificate;
    if ("requests" in from) {
      const key = await keyOfRequest(system, requestOf(from.requests, id));
      const { cert: pem } = await authority.sign(id, key, days);
      cert = new X509Certificate(pem);
      output = { name: `${id}.crt`, bytes: Buffer.from(pem) };
    } else {
      const key = createPrivateKey(await newKeyPem(from.keys));
      const spki = createPublicKey(key).export({ type: "spki", format: "der" });
      cert = new X509Certificate((await authority.sign(id, new PublicKey(spki), days)).cert);
      const der = key.export({ type: "pkcs8", format: "der" });
      output = await this.images.output(
        wanted,
        { certificate: { cert: cert.raw, key: der, ca: cloudCa } },
        0,
      );
      der.fill(0);
    }
    const sha256 = createHash("sha256").update(output.bytes).digest("hex");
    const { fingerprint256: cert_fingerprint } = cert;
    return { output, file: { did: "signed", device: id, cert_fingerprint, file: output.name, sha256 } };
  }

  /** What was signed for a device of this batch and is not its last certificate, a cut had left behind: nobody has it. */
  private async takeBack(): Promise<void> {
    const { authority } = this.how;
    const now = this.context.system.now();
    const left: Issued[] = [];
    for (const [id, files] of this.files) {
      const { cert_fingerprint } = files.at(-1) as SignedFile;
      left.push(...authority.ledger.goodOf(id, now).filter((one) => one.fingerprint !== cert_fingerprint));
    }
    if (left.length > 0) await authority.revoke(left, PROFILES.standard);
  }

  private last(id: string): SignedFile | undefined {
    return this.files.get(id)?.at(-1);
  }
}

const requestOf = (folder: string, id: string): string => join(folder, `${id}.csr`);

/** @throws Failure where a device's request is not there, or is none */
export async function checkRequest(system: System, folder: string, id: string): Promise<void> {
  await keyOfRequest(system, requestOf(folder, id));
}
