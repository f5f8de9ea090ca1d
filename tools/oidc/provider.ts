/** An OpenID provider, found by discovery (OpenID Connect Discovery 1.0 section 4), and a client of it. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { importPKCS8 } from "jose";
import * as oidc from "openid-client";
import { Failure, printable, systemReason, usage } from "../cli/failure.js";
import type { Secrets } from "../cli/secrets.js";
import { isSameIssuer } from "../cli/settings.js";
import type { System } from "../cli/system.js";
import type { Client } from "./client.js";
import { asking } from "./failure.js";
import { Requests } from "./requests.js";

/** What this program asks for; a provider is asked for those of them that it knows. */
const SCOPES = ["openid", "offline_access", "profile", "email", "organization"];
/** Asked for only where the provider says that it has them: for `motekey device`. */
const OWN_SCOPES = ["devices:provision"];
/** Clocks that differ by less are no reason to refuse a login. */
export const CLOCK_TOLERANCE_SECONDS = 30;

/** Grants by their `grant_type`. */
export const GRANTS = {
  code: "authorization_code",
  device: "urn:ietf:params:oauth:grant-type:device_code",
  password: "password",
  client: "client_credentials",
  exchange: "urn:ietf:params:oauth:grant-type:token-exchange",
} as const;

/** A provider that was found. */
export interface Provider {
  /** Its name in its discovery document, which was the address asked for. */
  readonly issuer: string;
  readonly clientId: string;
  readonly configuration: oidc.Configuration;
  readonly metadata: oidc.ServerMetadata;
  readonly requests: Requests;
}

/** Asks the issuer what it can do. */
export async function findProvider(
  issuer: string,
  client: Client,
  system: Pick<System, "env" | "secrets">,
): Promise<Provider> {
  const requests = new Requests(issuer, system);
  system.secrets.show(client.clientId);
  system.secrets.keep(client.clientSecret);
  const key = client.keyFile === undefined ? null : await readKey(client.keyFile, system.secrets);
  const execute = [oidc.enableNonRepudiationChecks];
  if (new URL(issuer).protocol === "http:") execute.push(oidc.allowInsecureRequests);
  const found = await asking({ issuer, requests }, () =>
    oidc.discovery(
      new URL(issuer),
      client.clientId,
      { [oidc.clockTolerance]: CLOCK_TOLERANCE_SECONDS },
      oidc.None(),
      {
        execute,
        [oidc.customFetch]: requests.fetch,
      },
    ),
  );
  const metadata = found.serverMetadata();
  if (!isSameIssuer(metadata.issuer, issuer)) {
    throw new Failure(
      "unsafe_response",
      `The answer of ${issuer} is not to be trusted: it calls itself ${printable(metadata.issuer, 200)}.`,
      "Give --issuer the provider's own name, not the address of its document or one that stands for many.",
    );
  }
  const configuration = new oidc.Configuration(
    metadata,
    client.clientId,
    { [oidc.clockTolerance]: CLOCK_TOLERANCE_SECONDS },
    await proof(metadata, client, key),
  );
  configuration[oidc.customFetch] = requests.fetch;
  // Its limits are signals that a garbage collection may remove (see cli/wait); ours hold.
  configuration.timeout = 0;
  for (const extension of execute) extension(configuration);
  return { issuer: metadata.issuer, clientId: client.clientId, configuration, metadata, requests };
}

/**
 * Does the provider say that it knows this grant? One that names none knows the code's (RFC 8414 section 2). Glewlwyd
 * names some among its response types.
 */
export function knows({ metadata }: Provider, grant: string): boolean {
  const grants = metadata.grant_types_supported ?? [GRANTS.code, "implicit"];
  return grants.includes(grant) || (metadata.response_types_supported ?? []).includes(grant);
}

/** @throws Failure where the provider says that it does not know the grant */
export function needGrant(provider: Provider, grant: string, what: string): void {
  if (knows(provider, grant)) return;
  throw new Failure(
    "not_supported",
    `${provider.issuer} has no ${what}.`,
    `It has ${printable((provider.metadata.grant_types_supported ?? []).join(", ") || "the browser's login only", 300)}.`,
  );
}

/** The scopes to ask for. */
export function scopesOf({ metadata }: Provider, wanted?: string): string {
  if (wanted !== undefined) return wanted;
  const known = metadata.scopes_supported;
  const ours = OWN_SCOPES.filter((scope) => known?.includes(scope));
  return [...SCOPES.filter((scope) => known === undefined || known.includes(scope)), ...ours].join(" ");
}

async function proof(
  metadata: oidc.ServerMetadata,
  client: Client,
  key: KeyObject | null,
): Promise<oidc.ClientAuth> {
  if (key !== null) {
    const alg = algorithmOf(key);
    return oidc.PrivateKeyJwt(
      await importPKCS8(key.export({ type: "pkcs8", format: "pem" }).toString(), alg),
    );
  }
  if (client.clientSecret === undefined) return oidc.None();
  // Basic where nothing is said: it is OAuth's own default (RFC 8414 section 2).
  const methods = metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const isBasic = methods.includes("client_secret_basic");
  return isBasic ? basic(client.clientSecret) : oidc.ClientSecretPost(client.clientSecret);
}

/**
 * Basic credentials (RFC 6749 section 2.3.1). The library encodes `-`, `_` and `.` too, which no form does; a provider
 * that decodes nothing, as Glewlwyd, would take that for another secret.
 */
function basic(clientSecret: string): oidc.ClientAuth {
  const form = (text: string) => new URLSearchParams([["", text]]).toString().slice(1);
  return (_server, { client_id }, _body, headers) => {
    const pair = Buffer.from(`${form(client_id)}:${form(clientSecret)}`);
    headers.set("authorization", `Basic ${pair.toString("base64")}`);
  };
}

async function readKey(path: string, secrets: Secrets): Promise<KeyObject> {
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (failure) {
    throw usage(
      `Cannot read the key ${printable(path)}: ${systemReason(failure)}.`,
      "Give --secret-file a PEM file.",
    );
  }
  secrets.keepPem(pem);
  if (/ENCRYPTED/.test(pem)) {
    throw usage(
      `The key in ${printable(path)} is encrypted.`,
      "Decrypt it first: openssl pkey -in KEY -out PLAIN.",
    );
  }
  try {
    return createPrivateKey(pem);
  } catch {
    throw usage(
      `${printable(path)} holds no private key in PEM.`,
      "It begins with -----BEGIN PRIVATE KEY-----.",
    );
  }
}

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: "ES256",
  secp384r1: "ES384",
  secp521r1: "ES512",
};

/** The JWS algorithm of a key (RFC 7518 section 3.1, RFC 8037 section 3.1). */
function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === "rsa") return "RS256";
  if (key.asymmetricKeyType === "ed25519") return "EdDSA";
  const curve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ""];
  if (key.asymmetricKeyType === "ec" && curve !== undefined) return curve;
  throw usage(
    `A ${key.asymmetricKeyType ?? "symmetric"} key cannot prove a client here.`,
    "Use RSA, P-256, P-384, P-521 or Ed25519.",
  );
}
