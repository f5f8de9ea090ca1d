import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { OpenId } from "./openid/openid.js";
import type { ServiceOpenId, ServiceOptions, ServiceTls } from "./service-options.js";
import { State } from "./state.js";

const OTHERS_MAY = 0o077;
const VERSION_LEAST = 150_000;

/** Something that stops the service from working, or from working safely, and what to do. */
export interface Finding {
  /** Does the service start in spite of it? */
  isWarning: boolean;
  problem: string;
  next: string;
}

/** Checks everything that the service would start with. Migrates the database's schema to this version. */
export async function checkService(options: ServiceOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { sealKeyFiles = [], database = {}, tls, broker, hook, host = "127.0.0.1" } = options;
  const files = [
    ...sealKeyFiles,
    database.passwordFile,
    tls?.keyFile,
    broker?.passwordFile,
    broker?.keyFile,
    broker?.evict?.passwordFile,
    hook?.secretFile,
  ];
  for (const file of files) if (file !== undefined) findings.push(...(await checkSecret(file)));
  if (tls !== undefined) findings.push(...(await checkTls(tls)));
  else if (!/^(127\.|::1$|localhost$)/.test(host))
    findings.push({
      isWarning: true,
      problem: `Others than this machine reach ${isIP(host) === 0 ? host : "its address"} without TLS`,
      next: "Give tls.certFile and tls.keyFile, or let a load balancer on this machine speak TLS.",
    });
  if (options.openid !== undefined) findings.push(...(await checkOpenId(options.openid)));
  if (!findings.some(({ isWarning }) => !isWarning)) findings.push(...(await checkDatabase(options)));
  return findings;
}

async function checkSecret(file: string): Promise<Finding[]> {
  try {
    const { mode } = await stat(file);
    if ((mode & OTHERS_MAY) === 0) return [];
    return [{ isWarning: true, problem: `Others may read ${file}`, next: `Run chmod 600 ${file}.` }];
  } catch (failure) {
    return [failed(`${file} cannot be read: ${(failure as NodeJS.ErrnoException).code}`, "Check its path.")];
  }
}

async function checkTls({ certFile, keyFile }: ServiceTls): Promise<Finding[]> {
  try {
    const certificate = new X509Certificate(await readFile(certFile));
    const key = createPrivateKey(await readFile(keyFile));
    if (!certificate.checkPrivateKey(key))
      return [failed(`${keyFile} is not the key of ${certFile}`, "Give the key that belongs to it.")];
    if (Date.parse(certificate.validTo) < Date.now())
      return [failed(`The certificate ${certFile} ended at ${certificate.validTo}`, "Renew it.")];
    return [];
  } catch (failure) {
    return [
      failed(`The certificate or its key cannot be used: ${(failure as Error).message}`, "Both are PEM."),
    ];
  }
}

/** Devices need no provider: the service starts without one. */
async function checkOpenId(options: ServiceOpenId): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    const problem = await new OpenId(options).trouble();
    if (problem !== null)
      findings.push({ isWarning: true, problem, next: "Check openid.issuer, and that the provider runs." });
  } catch (failure) {
    findings.push(failed((failure as Error).message, "Check openid."));
  }
  if (Object.values(options.roles).every((values: string[]) => values.length === 0))
    findings.push(failed("openid.roles gives nobody a role", "Name the values that admins have."));
  return findings;
}

async function checkDatabase(options: ServiceOptions): Promise<Finding[]> {
  let state: State;
  try {
    state = await State.open({ ...options, restored: false }, "");
  } catch (failure) {
    return [failed((failure as Error).message, "Check database and sealKeyFiles.")];
  }
  try {
    await state.prove();
    const [row] = await state.database.query<Record<"version" | "fsync" | "commits", string>>(
      "SELECT current_setting('server_version_num') AS version, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commits",
    );
    return [...durability(options, row), ...(await checkKeys(state))];
  } catch (failure) {
    return [
      failed(`The database cannot be written: ${(failure as Error).message}`, "Give the primary's address."),
    ];
  } finally {
    await state.close();
  }
}

function durability(
  { database = {} }: ServiceOptions,
  row: Record<"version" | "fsync" | "commits", string> | undefined,
): Finding[] {
  if (row === undefined || database.url === undefined) return [];
  const findings: Finding[] = [];
  if (Number(row.version) < VERSION_LEAST)
    findings.push(failed("PostgreSQL is older than 15", "Upgrade it."));
  for (const [name, value] of [
    ["fsync", row.fsync],
    ["synchronous_commit", row.commits],
  ])
    if (value === "off")
      findings.push(failed(`${name} is off: counters and revocations may be lost`, `Set ${name} = on.`));
  return findings;
}

/** Is there a device whose key none of our seal keys opens? */
async function checkKeys(state: State): Promise<Finding[]> {
  try {
    for await (const _entity of state.accounts.all()) break;
    return [];
  } catch (failure) {
    return [failed((failure as Error).message, "Give the earlier key among sealKeyFiles too.")];
  }
}

function failed(problem: string, next: string): Finding {
  return { isWarning: false, problem, next };
}
