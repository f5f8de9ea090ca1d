import { randomInt } from "node:crypto";
import { isObject } from "./frame.js";
import type { Peer } from "./peers.js";
import { sameSecret, sha256 } from "./secret.js";

const NONCE_MAX = 2 ** 47;
const METHOD_AND_URI = "dummy_method:dummy_uri";

/** The digest proof of mg-rpc (SHA-256 only): challenges and the answers to them. */
export class Digest {
  constructor(
    private realm: string,
    private nonceLifetimeMs: number,
    private now: () => number,
  ) {}

  /** A challenge, the JSON text that an error 401 carries as its message. */
  challenge(peer: Peer | null): string {
    const nonce = this.nonce(peer);
    return JSON.stringify({ auth_type: "digest", nonce, nc: 1, realm: this.realm, algorithm: "SHA-256" });
  }

  /** What is wrong with the `auth` member of a frame, as a reason; null when it proves the PSK. */
  fault(auth: unknown, id: string, psk: string, peer: Peer): string | null {
    if (!isObject(auth) || typeof auth.response !== "string") return "digest-malformed";
    if (auth.algorithm !== "SHA-256" || auth.realm !== this.realm || auth.username !== id)
      return "digest-malformed";
    if (!isScalar(auth.nonce) || !isScalar(auth.cnonce)) return "digest-malformed";
    if (auth.nc !== undefined && !isScalar(auth.nc)) return "digest-malformed";
    const count = auth.nc === undefined ? 1 : Number(auth.nc);
    const issued = peer.nonce(String(auth.nonce));
    if (issued === undefined || issued.expiresAtMs <= this.now()) return "digest-stale";
    if (!Number.isSafeInteger(count) || count <= issued.count) return "digest-stale";
    const first = hexSha256(`${id}:${this.realm}:${psk}`);
    const second = hexSha256(METHOD_AND_URI);
    const expected = hexSha256(`${first}:${auth.nonce}:${count}:${auth.cnonce}:auth:${second}`);
    if (!sameSecret(auth.response, expected)) return "digest-wrong";
    issued.count = count;
    return null;
  }

  /**
   * A nonce that nobody has answered yet and that has half its life left is handed out again: whoever speaks
   * in a device's name without a proof could else push the device's own nonces out.
   */
  private nonce(peer: Peer | null): number {
    const unused = peer?.unusedNonce(this.now() + this.nonceLifetimeMs / 2);
    if (unused !== undefined) return Number(unused);
    const nonce = randomInt(1, NONCE_MAX);
    peer?.addNonce(String(nonce), this.now() + this.nonceLifetimeMs);
    return nonce;
  }
}

/** An object's text is what its members make of it. */
function isScalar(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function hexSha256(text: string): string {
  return sha256(text).toString("hex");
}
