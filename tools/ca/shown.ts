/** An authority as people see it. */
import { printable } from "../cli/failure.js";
import type { Authority } from "./authority.js";

/** What is shown of it. */
export function shown(authority: Authority, ca: string, nowMs: number) {
  const { certificate, ledger, head } = authority;
  return {
    ca,
    name: printable(certificate.subject.replace(/^CN=/, ""), 200),
    key_type: certificate.publicKey.asymmetricKeyType ?? null,
    not_after: new Date(certificate.validTo).toISOString(),
    fingerprint: certificate.fingerprint256,
    signed: ledger.count,
    good: ledger.good(nowMs).length,
    revoked: ledger.revoked(nowMs).length,
    ledger_head: head,
  };
}

/** The same in lines. */
export function textOf(told: ReturnType<typeof shown>): string {
  const rows = [
    ["CA", `${told.name}, in ${told.ca}`],
    ["Key", told.key_type ?? ""],
    ["Until", told.not_after],
    ["SHA-256", told.fingerprint],
    ["Signed", `${told.signed}: ${told.good} good, ${told.revoked} revoked`],
    ["Ledger", told.ledger_head],
  ];
  return rows.map(([name = "", value]) => `${name.padEnd(9)}${value}`).join("\n");
}
