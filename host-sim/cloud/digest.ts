import { randomInt } from "node:crypto";
import { isObject } from "./frame.js";
import type { IssuedNonce, Peer } from "./peers.js";
import { keysOf, sameSecret, sha256 } from "./secret.js";
import { after, type Soon } from "./soon.js";
import type { Entity } from "./types.js";

const NONCE_MAX = 2 ** 47;
const METHOD_AND_URI = "dummy_method:dummy_uri";

/** The digest proof of mg-rpc (SHA-256 only): challenges and the answers to them. */
export class Digest {
  constructor(
    private realm: string,
    private nonceLifetimeMs: number,
    private now: () => number,
  ) {}

  /**
   * A challenge, the JSON text that an error 401 carries as its message. A nonce that nobody has answered yet and that
   * has half its life left is handed out again: whoever speaks in a device's name without a proof could else push the
   * device's own nonces out.
   */
  challenge(peer: Peer): Soon<string> {
    const [now, fresh] = [this.now(), newNonce()];
    const nonce = peer.nonceFor(now + this.nonceLifetimeMs / 2, fresh, now + this.nonceLifetimeMs);
    return after(nonce, (handedOut) => this.text(handedOut));
  }

  /** A challenge that nobody can meet, of the same form. */
  strangersChallenge(): string {
    return this.text(newNonce());
  }

  private text(nonce: string): string {
    return JSON.stringify({
      auth_type: "digest",
      nonce: Number(nonce),
      nc: 1,
      realm: this.realm,
      algorithm: "SHA-256",
    });
  }

  /** What is wrong with the `auth` member of a frame, as a reason; null when it proves a key of the entity. */
  fault(auth: unknown, entity: Entity, peer: Peer): Soon<string | null> {
    const { id } = entity;
    if (!isObject(auth)) return "digest-malformed";
    const { nonce, cnonce, response } = auth;
    if (typeof response !== "string") return "digest-malformed";
    if (auth.algorithm !== "SHA-256" || auth.realm !== this.realm || auth.username !== id)
      return "digest-malformed";
    if (!isScalar(nonce) || !isScalar(cnonce)) return "digest-malformed";
    if (auth.nc !== undefined && !isScalar(auth.nc)) return "digest-malformed";
    const count = auth.nc === undefined ? 1 : Number(auth.nc);
    return after<IssuedNonce | undefined, string | null>(peer.nonce(String(nonce)), (issued) => {
      if (issued === undefined || issued.expiresAtMs <= this.now()) return "digest-stale";
      if (!Number.isSafeInteger(count) || count <= issued.count) return "digest-stale";
      const second = hexSha256(METHOD_AND_URI);
      const isRight = keysOf(entity).some((psk) => {
        const first = hexSha256(`${id}:${this.realm}:${psk}`);
        return sameSecret(response, hexSha256(`${first}:${nonce}:${count}:${cnonce}:auth:${second}`));
      });
      if (!isRight) return "digest-wrong";
      return after(peer.useNonce(String(nonce), count), (isTaken) => (isTaken ? null : "digest-stale"));
    });
  }
}

function newNonce(): string {
  return String(randomInt(1, NONCE_MAX));
}

/** An object's text is what its members make of it. */
function isScalar(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function hexSha256(text: string): string {
  return sha256(text).toString("hex");
}
