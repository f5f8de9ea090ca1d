import type { SecureVersion } from "node:tls";

/** Which extensions (part B of the protocol) the cloud has; what is off is neither announced nor sent. */
export interface Extensions {
  retryAfter: boolean;
  expiresIn: boolean;
  mac: boolean;
  cbor: boolean;
  /** Tokens are sealed for a device whose MAC session asks for it. */
  seal: boolean;
}

/** Who an entity of the registry is: a device or user asks for its own tokens, a backend asks about others. */
export type Role = "device" | "user" | "backend";

/** What a counter was used for; the cloud keeps the highest accepted one of each. */
export type CounterPurpose = "connect" | "mac";

/** One device, user or backend as the registry keeps it. Counters are -1 until one was accepted. */
export interface Entity {
  id: string;
  role: Role;
  psk: string;
  /** Takes the place of `psk` when its device has proved that it has it; until then both are good. */
  nextPsk?: string;
  owner?: string;
  /** SHA-256 of the certificate's DER as Node prints it (`AB:CD:…`). */
  certFingerprint?: string;
  counters: Record<CounterPurpose, number>;
  disabled: boolean;
  /** What operators did with it, in their order. */
  history?: Deed[];
}

/** What was done with an entity, who did it (the device itself proves its next key), and when (RFC 3339). */
export interface Deed {
  did: "created" | "certified" | "rotation-begun" | "rotation-cancelled" | "rotated" | "revoked";
  by: string;
  at: string;
}

/** What `addDevice` takes. Without `psk` one is made: 32 random bytes as 43 characters of base64url. */
export interface NewEntity {
  id: string;
  psk?: string;
  role?: Role;
  owner?: string;
  certFingerprint?: string;
  /** Highest counter taken as used already, for both purposes. */
  counter?: number;
}

/** How a connection was proved; `recover` is that of a principal which asks for a counter only, `none` one without a password, and without a TLS handshake that proved it. */
export type ConnectProof = "password" | "counter" | "auth5" | "certificate" | "psk" | "recover" | "none";

/** What may stand for a frame that has no proof of its own; `broker`: another one, which binds topics to users. */
export type Voucher = ConnectProof | "broker";

/** How a frame was proved; `link` leans on its connection or bearer token, `none` is only in refusals. */
export type FrameProof = "mac" | "key" | "digest" | "link" | "none";

/** The cloud's events, for tests and logs. No event carries a secret: no PSK, token, nonce or MAC. */
export type CloudEvent =
  | { event: "tls-refused"; reason: string }
  | { event: "connected"; id: string; proof: ConnectProof }
  /** Another broker asked (the hook), and let this client in. */
  | { event: "admitted"; id: string; proof: ConnectProof }
  /**
   * `returnCode` is CONNACK's, or the HTTP status that a WebSocket was refused with. Another broker, which asked (the
   * hook), chooses its own.
   */
  | { event: "connect-refused"; id: string; returnCode: number; reason: string }
  | { event: "disconnected"; id: string }
  | { event: "subscribed"; id: string; topics: string[] }
  | { event: "topic-refused"; id: string; topic: string; action: "publish" | "subscribe" }
  | { event: "kicked"; id: string }
  | { event: "mac-session"; id: string; counter: number }
  | { event: "request"; id: string; requestId: number; method: string; proof: FrameProof }
  | { event: "replied"; id: string; requestId: number; method: string; code: number; repeated: boolean }
  | { event: "refused"; id: string; requestId: number; code: number; reason: string }
  | { event: "dropped"; id: string; reason: string }
  /** Attached to another broker: the connection is gone, and cannot be had at once; a sentence says why. */
  | { event: "broker-lost"; reason: string }
  /** It is back, and requests come in again. */
  | { event: "broker-attached" }
  /** The registry's file cannot be written; a sentence says why. Who would need that is refused meanwhile. */
  | { event: "registry-failed"; reason: string }
  /** Something in the cloud threw, or in a hook of the test; whom it served got no answer, or 500. */
  | { event: "failed"; id: string; reason: string }
  /** An operator registered a device, gave it another certificate, or revoked it. */
  | { event: "device-created"; id: string; by: string }
  | { event: "device-certified"; id: string; by: string }
  | { event: "device-revoked"; id: string; by: string }
  /** An operator made the next key of a device, or took it back. */
  | { event: "rotation-begun"; id: string; by: string }
  | { event: "rotation-cancelled"; id: string; by: string }
  /** A device has proved its next key, which is its only one from now on. */
  | { event: "rotated"; id: string }
  | { event: "token"; id: string; host: string; expiresInSeconds: number }
  | { event: "revoked"; id: string; host: string }
  /** A device got its counter, for the `recoveries`th time since the start. */
  | { event: "recovered"; id: string; counter: number; recoveries: number }
  /** Three times within ten minutes: it keeps no store and restarts all the time, or two devices have its key. */
  | { event: "recovered-often"; id: string; recoveries: number };

/** The names of the events. */
export type CloudEventName = CloudEvent["event"];

/** The event of one name. */
export type CloudEventOf<Name extends CloudEventName> = Extract<CloudEvent, { event: Name }>;

/** Counts since the start, by method or by reason; `connections` is the present number. */
export interface CloudStats {
  connections: number;
  connects: number;
  connectsRefused: Record<string, number>;
  /** Clients of other brokers that were let in, by the hook. */
  admitted: number;
  /** Handshakes that failed, by what OpenSSL says. */
  tlsRefused: Record<string, number>;
  topicsRefused: number;
  requests: Record<string, number>;
  replies: number;
  repliesRepeated: number;
  refused: Record<string, number>;
  dropped: Record<string, number>;
  failed: number;
  macSessions: number;
  tokens: number;
  /** How often each device got its counter, by id. */
  recoveries: Record<string, number>;
  /** Who asked for a counter and was refused, at CONNECT or with an error: by reason. */
  recoveriesRefused: Record<string, number>;
}

/** How tokens are made. */
export interface TokenOptions {
  /** `cwt-mac0`: COSE_Mac0, HMAC 256/256; `cwt-sign1`: COSE_Sign1; both in base64url. Default `jwt`. */
  format?: "jwt" | "opaque" | "cwt-mac0" | "cwt-sign1";
  /** What `jwt` and `cwt-sign1` are signed with. Default `ES256`. */
  algorithm?: "ES256" | "EdDSA";
  /** The key of `cwt-mac0`, shared with who verifies; a text stands for its UTF-8. Default: a random one. */
  macKey?: string | Uint8Array;
  lifetimeSeconds?: number;
  /** How long the token before a newly generated one stays good. */
  graceSeconds?: number;
}

/** What an app's server learns of a token that it was given (after RFC 7662). Times in unix seconds. */
export type TokenCheck =
  | { active: false }
  | { active: true; sub: string; host: string; iat: number; exp: number };

/** May `src` send the command `cmd` to `dst`? */
export type CommandPolicy = (src: string, dst: string, cmd: string) => boolean | Promise<boolean>;

/** How the cloud's ports speak TLS. All texts are PEM. */
export interface CloudTlsOptions {
  /** The cloud's certificate and key; without them they are made at the start, and `cloud.authority` vouches for them. */
  cert?: string;
  key?: string;
  /** Whether a client shows a certificate, whose common name is its id. Default "none". */
  clientCertificates?: "none" | "optional" | "required";
  /** Who issues clients' certificates. Default: `cloud.authority`. */
  ca?: string | string[];
  /** Lists of revoked clients' certificates, one for each CA. */
  crl?: string | string[];
  /** TLS-PSK alone: identity = id, key = the PSK's UTF-8 bytes. No certificates on either side. */
  psk?: boolean;
  minVersion?: SecureVersion;
  maxVersion?: SecureVersion;
}

/** How the cloud verifies another broker, and what it shows there. Texts are PEM. */
export interface BrokerTls {
  ca?: string | string[];
  cert?: string;
  key?: string;
  /** TLS-PSK in place of certificates: identity = the URL's user, key = this text's UTF-8 bytes. */
  psk?: string;
}

/** How other brokers ask the cloud who may log in, and who may use a topic: over HTTP, below `/hook/`. */
export interface HookOptions {
  /** What a broker shows: `Authorization: Bearer <secret>`, or as the password of Basic. 16 or more of A-Z a-z 0-9 _ -. */
  secret?: string;
  /** The common name of the broker's certificate, with `tls: { clientCertificates: "required" }`. */
  certificate?: string;
  /** RabbitMQ's virtual host that devices are on. Default "/". */
  vhost?: string;
}
