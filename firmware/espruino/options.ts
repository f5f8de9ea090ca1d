import { LinkSecurity } from "../ports.js";
import { Status } from "../status.js";
import type { LeanOptions } from "./api.js";
import { levelOf, readCredential } from "./credential.js";

/** Who the device is, and how it proves that. */
export interface Identity {
  readonly deviceId: string;
  readonly psk: string;
  readonly proof: string;
  /** Its floor takes no token in the clear. */
  readonly mustSeal: boolean;
}

/**
 * By the options, and by what Storage has. Its helpers are made when it runs: a function is RAM.
 * @throws Error that names the first option which cannot be right
 */
export const identityOf = (options: LeanOptions): Identity => {
  const refuse = (what: string): never => {
    throw new Error(`motekey: ${what}`);
  };

  /** An error whose status has a sentence. */
  const refuseWith = (what: string, status: Status): never => {
    const error = new Error(`motekey: ${what}, status ${status}`) as Error & { status: Status };
    error.status = status;
    throw error;
  };

  /** A misspelt name is an option that was never given, and a misspelt floor none at all. */
  const check = (path: string, group: object | undefined, names: string): void => {
    if (group === undefined) return;
    if (typeof group !== "object" || group === null) refuse(`${path}: an object`);
    for (const name in group)
      if (names.split(",").indexOf(name) < 0) refuse(`${path}${name} is no option; there are ${names}`);
  };

  check("", options, "deviceId,cloud,credential,proof,allowInsecure,limits,sleptMs,tls,messages");
  const cloud = options.cloud;
  const given = options.credential;
  check("cloud.", cloud, "host,port,alternatives,address,requestTopic,pipeline");
  check("credential.", given, "psk,counter,floor");
  check(
    "limits.",
    options.limits,
    "tokenBytes,hosts,hostBytes,waiters,calls,sendBytes,frameBytes,connectTimeoutMs,callAttemptMs,callDeadlineMs,keepAliveS,pingTimeoutMs,backoffBaseMs,backoffCapMs,spreadMs,stableMs,retryAfterCapMs,tokenMaxAgeMs",
  );
  for (const name in options.limits)
    if (!(((options.limits as Given)[name] as number) >= 0)) refuse(`limits.${name} must be a number`);
  if (cloud === undefined || typeof cloud.host !== "string" || cloud.host === "")
    refuse("cloud.host is missing");
  const kept = readCredential();
  if (kept.status === Status.CREDENTIAL_BROKEN || (given === undefined && kept.status !== Status.OK))
    refuseWith("the stored credential cannot be read", kept.status);
  const deviceId = given === undefined ? kept.deviceId : options.deviceId;
  const psk = given === undefined ? kept.psk : given.psk === undefined ? "" : given.psk;
  const proof = options.proof === undefined ? "counter+mac" : options.proof;
  if (typeof deviceId !== "string" || (options.deviceId !== undefined && options.deviceId !== deviceId))
    return refuse("deviceId is not the stored credential's, or missing");
  if (
    !/^[A-Za-z0-9_-]+$/.test(deviceId) ||
    deviceId.length > 64 ||
    deviceId.substr(deviceId.length - 8) === "-recover"
  )
    refuse("deviceId must be up to 64 letters, digits, _ or -, and not end in -recover");
  if (psk === "" && proof !== "link") refuse("credential.psk is empty: provision the device's key first");
  const level = levelOf(proof);
  const verdict = level === undefined ? Status.PROOF_BELOW_FLOOR : Number(level.split(",")[1]);
  const security = options.tls === undefined ? LinkSecurity.PLAIN : LinkSecurity.UNVERIFIED_TLS;
  check("credential.floor.", given === undefined ? undefined : given.floor, "proof,link,token");
  const floors = [
    kept.proof ? kept.proof : undefined,
    kept.status === Status.OK && kept.link < 255 ? kept.link : undefined,
    given !== undefined && given.floor !== undefined ? given.floor.proof : undefined,
    given !== undefined && given.floor !== undefined ? given.floor.link : undefined,
  ];
  for (let i = 0; i < 4; i += 2) {
    const least = floors[i];
    const link = floors[i + 1];
    const leastLevel = least === undefined ? "0" : levelOf(least as string);
    if (link !== undefined && !((link as number) <= security))
      refuseWith("the link", Status.LINK_BELOW_FLOOR);
    if (
      leastLevel === undefined ||
      level === undefined ||
      Number(level.split(",")[0]) < Number(leastLevel.split(",")[0])
    )
      refuseWith(`proof ${proof}`, Status.PROOF_BELOW_FLOOR);
  }
  const leastToken = given === undefined || given.floor === undefined ? undefined : given.floor.token;
  const mustSeal = leastToken !== undefined || (kept.status === Status.OK && kept.mustSeal);
  if (leastToken !== undefined && leastToken !== "sealed") refuse("credential.floor.token must be sealed");
  if (mustSeal && proof.split("+").indexOf("mac") < 0) refuseWith(`proof ${proof}`, Status.PROOF_BELOW_FLOOR);
  const isAllowed =
    options.allowInsecure === true &&
    (verdict === Status.PROOF_EXPOSED || verdict === Status.FRAMES_UNPROVED);
  if (verdict !== Status.OK && !isAllowed) refuseWith(`proof ${proof}`, verdict);
  return { deviceId, psk, proof, mustSeal };
};
