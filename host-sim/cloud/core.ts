import { AuthService, type AuthServiceParts, ownersPolicy } from "./auth-service.js";
import { type CallWatch, UNWATCHED } from "./call-watch.js";
import { type Limits, UNLIMITED } from "./limits.js";
import type { Peers } from "./peers.js";
import { Proofs } from "./proofs.js";
import { Recoveries, type RecoveryBook } from "./recoveries.js";
import { Rpc } from "./rpc.js";
import { after, type Soon } from "./soon.js";
import type { CommandPolicy, TokenCheck } from "./types.js";

/** `src` of replies where none is set. */
export const DEFAULT_ADDRESS = "//api.mongoose-iot.com";
/** Where clouds listen by default. */
export const DEFAULT_HOST = "127.0.0.1";
const NONCE_LIFETIME_SECONDS = 60;

/** What differs between the mock and the service: their state, and what is done to requests. */
export interface CoreParts extends Omit<AuthServiceParts, "policy"> {
  peers: Peers;
  recoveryBook: RecoveryBook;
  /** Is this a good token for this host, and whose? */
  checkToken: (token: string, host: string) => Soon<TokenCheck>;
  address: string;
  policy?: CommandPolicy | undefined;
  requireFrameProof?: boolean | undefined;
  nonceLifetimeSeconds?: number | undefined;
  /** How often a frame is looked at whose session is not known yet: where its opening may be with another replica. */
  looks?: number | undefined;
  /** Default: nobody is held to anything. */
  limits?: Limits | undefined;
  watch?: CallWatch | undefined;
}

/** The Auth service with its proofs, once for both. */
export interface Core {
  /** The host that tokens for the cloud's own API are issued for. */
  apiHost: string;
  proofs: Proofs;
  recoveries: Recoveries;
  rpc: Rpc;
}

/** Puts the Auth service on the seams. */
export function makeCore(parts: CoreParts): Core {
  const { accounts, peers, events, interference, terms, clock, address, checkToken } = parts;
  const { now } = clock;
  const apiHost = address.replace(/^\/\//, "").split("/", 1)[0] ?? "";
  const proofs = new Proofs(accounts, {
    realm: apiHost,
    nonceLifetimeMs: (parts.nonceLifetimeSeconds ?? NONCE_LIFETIME_SECONDS) * 1000,
    requireFrameProof: parts.requireFrameProof,
    now,
    isApiToken: (token, id) => after(checkToken(token, apiHost), (check) => check.active && check.sub === id),
    opened: (id, counter) => events.emit({ event: "mac-session", id, counter }),
  });
  const policy = parts.policy ?? ownersPolicy(accounts);
  const service = new AuthService({ accounts, events, interference, terms, clock, policy });
  const recoveries = new Recoveries(accounts, parts.recoveryBook, events, now);
  const rpc = new Rpc({
    accounts,
    peers,
    proofs,
    service,
    recoveries,
    events,
    interference,
    terms,
    address,
    now,
    looks: parts.looks,
    limits: parts.limits ?? UNLIMITED,
    watch: parts.watch ?? UNWATCHED,
  });
  return { apiHost, proofs, recoveries, rpc };
}
