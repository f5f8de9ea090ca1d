/** The identity provider: reached, an OpenID provider, the one it is said to be, and its clock. */
import * as v from "valibot";
import { Failure, printable } from "../cli/failure.js";
import type { Setting } from "../cli/settings.js";
import type { System } from "../cli/system.js";
import { proxyOf, Requests, Unavailable } from "../oidc/requests.js";
import { type Finding, fine, problem } from "./finding.js";
import { examinePlace } from "./place.js";

const ANSWER_MS_MAX = 10_000;
/** What a login tolerates; the header has whole seconds, and takes a moment to come. */
const CLOCK_TOLERANCE_MS = 30_000;

const MetadataSchema = v.looseObject({
  issuer: v.string(),
  token_endpoint: v.string(),
  code_challenge_methods_supported: v.optional(v.array(v.string()), []),
});

export async function examineIssuer({ value, from }: Setting, system: System): Promise<Finding[]> {
  // Behind a proxy this machine may reach nothing by itself, and need not.
  if (proxyOf(system.env, value) !== null) return examineMetadata(value, from, system);
  const { hostname, port, protocol } = new URL(value);
  const isSecure = protocol === "https:";
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const place = await examinePlace("issuer", { host, port: Number(port) || (isSecure ? 443 : 80), isSecure });
  if (place.level === "problem") return [{ ...place, evidence: { issuer: value, from, ...place.evidence } }];
  return examineMetadata(value, from, system);
}

async function examineMetadata(issuer: string, from: string, system: System): Promise<Finding[]> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const evidence = { issuer, from, url };
  const requests = new Requests(issuer, system, ANSWER_MS_MAX);
  const clock = (): Finding[] =>
    requests.clock === null ? [] : examineClock(requests.clock.theirsMs, system.now());
  try {
    const answer = await requests.fetch(url, METADATA_REQUEST);
    return [judged(answer.status, await answer.text(), evidence), ...clock()];
  } catch (failure) {
    if (failure instanceof Unavailable) return [judged(failure.status, "", evidence), ...clock()];
    if (failure instanceof Failure && failure.code === "issuer_invalid") {
      return [problem("issuer", "issuer_not_openid", failure.message, failure.next, evidence)];
    }
    const next = "Check that the server runs, and what stands in between.";
    const reason = failure instanceof Failure ? "issuer_timeout" : "issuer_unreachable";
    return [problem("issuer", reason, `${url} does not answer.`, next, evidence)];
  }
}

const METADATA_REQUEST = { method: "GET", headers: {}, body: undefined, redirect: "manual" } as const;

function judged(
  status: number,
  text: string,
  evidence: { issuer: string; from: string; url: string },
): Finding {
  const { issuer, url } = evidence;
  if (status !== 200) {
    const next = status >= 500 ? "Ask whoever runs it, or try later." : "Check --issuer and MOTEKEY_ISSUER.";
    return problem("issuer", "issuer_http", `${url} answers with HTTP ${status}.`, next, {
      ...evidence,
      status,
    });
  }
  const metadata = parsed(text);
  if (metadata === null) {
    const next = "Check --issuer and MOTEKEY_ISSUER.";
    return problem(
      "issuer",
      "issuer_not_openid",
      `${url} is no OpenID provider's description.`,
      next,
      evidence,
    );
  }
  const named = printable(metadata.issuer, 200);
  if (metadata.issuer.replace(/\/$/, "") !== issuer.replace(/\/$/, "")) {
    const message = `${issuer} calls itself ${named}: logins there are refused.`;
    const next = "Give the issuer as it names itself, if that is the one you mean.";
    return problem("issuer", "issuer_mismatch", message, next, { ...evidence, named });
  }
  const methods = metadata.code_challenge_methods_supported;
  if (!methods.includes("S256")) {
    const next = "Have S256 switched on, or log in with --device-code or as a service account.";
    const known = printable(methods.join(", "), 200);
    return problem("issuer", "issuer_without_pkce", `${issuer} has no PKCE with S256.`, next, {
      ...evidence,
      known,
    });
  }
  return fine("issuer", `${issuer} is an OpenID provider.`, evidence);
}

function parsed(text: string): v.InferOutput<typeof MetadataSchema> | null {
  try {
    return v.parse(MetadataSchema, JSON.parse(text));
  } catch {
    return null;
  }
}

/** Two clocks that differ: which of them is wrong, nobody here knows. */
function examineClock(theirs: number, nowMs: number): Finding[] {
  const offset = Math.round((nowMs - theirs) / 1000);
  const time = (ms: number) => new Date(ms).toISOString().replace(/\.\d+/, "");
  const evidence = { offset_seconds: offset, here: time(nowMs), there: time(theirs) };
  if (Math.abs(nowMs - theirs) <= CLOCK_TOLERANCE_MS) {
    return [fine("clock", "The clock agrees with the provider's.", evidence)];
  }
  const [reason, word] =
    offset < 0 ? (["clock_behind", "behind"] as const) : (["clock_ahead", "ahead of"] as const);
  const message = `This machine's clock is ${Math.abs(offset)} s ${word} the provider's.`;
  return [
    problem(
      "clock",
      reason,
      message,
      "Set this machine's clock by NTP, or tell whoever runs the provider.",
      evidence,
    ),
  ];
}
