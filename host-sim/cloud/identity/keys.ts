import { generateKeyPair as generate, type KeyObject, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type { JWK } from "jose";

const generateKeyPair = promisify(generate);

/** What the identity signs with: private keys for tokens (the first signs), texts for cookies. */
export interface Secrets {
  keys: JWK[];
  cookies: string[];
}

/** New keys. RS256, since each OpenID client can verify it (OpenID Connect Core 1.0 section 15.1). */
export async function newSecrets(): Promise<Secrets> {
  const { privateKey } = await generateKeyPair("rsa", { modulusLength: 2048 });
  return { keys: [privateJwk(privateKey)], cookies: [randomBytes(32).toString("base64url")] };
}

function privateJwk(key: KeyObject): JWK {
  const kid = randomBytes(6).toString("base64url");
  return { ...(key.export({ format: "jwk" }) as JWK), kid, alg: "RS256", use: "sig" };
}
