import { X509Certificate } from "node:crypto";
import type { Accounts } from "./accounts.js";
import type { Events } from "./events.js";
import { type Frame, isObject, RpcError } from "./frame.js";
import type { Interference } from "./interference.js";
import { NEXT_CREDENTIAL, PROVE_CREDENTIAL, ROTATE_HINT, Rotation } from "./rotation.js";
import { keysOf, sameSecret } from "./secret.js";
import type { Soon } from "./soon.js";
import { type CloudClock, HOSTS_MAX, type IssuedToken, type TokenBook } from "./tokens.js";
import type { CommandPolicy, Entity, Extensions, Role } from "./types.js";

const HOST_CHARACTERS_MAX = 253;
const METHOD_NAME_SHOWN_MAX = 64;
const TOKEN_HOLDERS: readonly Role[] = ["device", "user"];
const DEVICES: readonly Role[] = ["device"];
const BACKENDS: readonly Role[] = ["backend"];
const EVERYBODY: readonly Role[] = ["device", "user", "backend"];

/** A method: who may call it, and what it does with its arguments. */
interface Method {
  roles: readonly Role[];
  /** Does it change anything? Then a repeated request is not carried out again. */
  changes?: true;
  call: (caller: Entity, args: Frame, tokens: TokenBook) => unknown;
}

/** What the service works with. */
export interface AuthServiceParts {
  accounts: Accounts;
  events: Events;
  interference: Interference;
  /** Asked for each answer: tests change them. */
  terms: { readonly extensions: Extensions };
  clock: CloudClock;
  policy: CommandPolicy;
}

/** The methods of `/v1/Auth` and `/v1/Hello`. */
export class AuthService {
  private readonly rotation: Rotation;
  private methods = new Map<string, Method>([
    ["/v1/Hello", { roles: EVERYBODY, call: () => this.hello() }],
    [
      "/v1/Auth.GenerateToken",
      { roles: TOKEN_HOLDERS, changes: true, call: (...asked) => this.generateToken(...asked) },
    ],
    ["/v1/Auth.GetToken", { roles: TOKEN_HOLDERS, call: (...asked) => this.getToken(...asked) }],
    [
      "/v1/Auth.ListToken",
      { roles: TOKEN_HOLDERS, call: (caller, _args, tokens) => this.listToken(caller, tokens) },
    ],
    [
      "/v1/Auth.RevokeToken",
      { roles: TOKEN_HOLDERS, changes: true, call: (...asked) => this.revokeToken(...asked) },
    ],
    ["/v1/Auth.Authenticate", { roles: BACKENDS, call: (_caller, args) => this.authenticate(args) }],
    ["/v1/Auth.AuthorizeCommand", { roles: BACKENDS, call: (_caller, args) => this.authorizeCommand(args) }],
    [NEXT_CREDENTIAL, { roles: DEVICES, call: (caller, { x }) => this.rotation.next(caller, x) }],
    [PROVE_CREDENTIAL, { roles: DEVICES, call: (caller, { n, mac }) => this.rotation.prove(caller, n, mac) }],
  ]);

  constructor(private parts: AuthServiceParts) {
    this.rotation = new Rotation(parts.accounts, parts.events, () => parts.clock.now());
  }

  /** Is there a method of this name? */
  serves(method: string): boolean {
    return this.methods.has(method);
  }

  /** Whether a method of this name changes anything. */
  changes(method: string): boolean {
    return this.methods.get(method)?.changes === true;
  }

  /**
   * Carries out a call. Rejects with an `RpcError` for what the caller did wrong.
   * @param tokens where tokens are looked up and changed: within what is kept together with the reply
   */
  async call(caller: Entity, name: string, args: Frame, tokens: TokenBook): Promise<unknown> {
    const method = this.methods.get(name);
    if (method === undefined) {
      const shown = JSON.stringify(name.slice(0, METHOD_NAME_SHOWN_MAX));
      throw new RpcError(404, `No method ${shown}; there are /v1/Hello and those of /v1/Auth`);
    }
    if (!method.roles.includes(caller.role)) {
      throw new RpcError(403, `${name} is for the role ${method.roles.join(" or ")}, not ${caller.role}`);
    }
    return method.call(caller, args, tokens);
  }

  private hello(): unknown {
    const { retryAfter, expiresIn, mac, cbor, seal } = this.parts.terms.extensions;
    const time = Math.floor(this.parts.clock.told() / 1000);
    const ext: Record<string, number> = {};
    if (retryAfter) ext.retry_after = 1;
    if (expiresIn) ext.expires_in = 1;
    if (mac) ext.mac = 1;
    if (cbor) ext.cbor = 1;
    if (mac && seal) ext.seal = 1;
    return Object.keys(ext).length > 0 ? { time, ext } : { time };
  }

  private async generateToken(caller: Entity, args: Frame, tokens: TokenBook): Promise<unknown> {
    const host = needHost(args);
    if (!(await tokens.hasRoom(caller.id, host))) {
      throw new RpcError(
        429,
        `There are tokens for ${HOSTS_MAX} hosts already; revoke one, or wait for its end`,
      );
    }
    const token = await tokens.generate(caller.id, host);
    const expiresInSeconds = remainingSeconds(token, token.issuedAtMs);
    const { events } = this.parts;
    tokens.whenKept(() => events.emit({ event: "token", id: caller.id, host, expiresInSeconds }));
    return this.tokenResult(caller, token, expiresInSeconds);
  }

  private async getToken(caller: Entity, args: Frame, tokens: TokenBook): Promise<unknown> {
    const token = await tokens.find(caller.id, needHost(args));
    if (token === undefined) return { exist: false };
    const expiresInSeconds = remainingSeconds(token, this.parts.clock.now());
    return { exist: true, ...this.tokenResult(caller, token, expiresInSeconds) };
  }

  private async listToken(caller: Entity, tokens: TokenBook): Promise<unknown> {
    const hosts = this.parts.interference.hosts(await tokens.hosts(caller.id));
    return hosts.map((host) => ({ host }));
  }

  private async revokeToken(caller: Entity, args: Frame, tokens: TokenBook): Promise<undefined> {
    const host = needHost(args);
    await tokens.revoke(caller.id, host);
    const { events } = this.parts;
    tokens.whenKept(() => events.emit({ event: "revoked", id: caller.id, host }));
  }

  private async authenticate(args: Frame): Promise<unknown> {
    const id = needText(args, "id");
    const { psk, cert } = needCredentials(args);
    const entity = await this.parts.accounts.find(id);
    // A stranger's PSK is compared as well, so that the answer's time does not reveal who is registered.
    const keys = entity === undefined ? [""] : keysOf(entity);
    const pskGood = psk === undefined || keys.some((key) => sameSecret(psk, key));
    const certGood = cert === undefined || entity?.certFingerprint === fingerprintOf(cert);
    return { success: entity !== undefined && !entity.disabled && pskGood && certGood };
  }

  private authorizeCommand(args: Frame): Soon<boolean> {
    return this.parts.policy(needText(args, "src"), needText(args, "dst"), needText(args, "cmd"));
  }

  private tokenResult(caller: Entity, token: IssuedToken, expiresInSeconds: number): object {
    const shift = this.parts.clock.told() - this.parts.clock.now();
    if (!this.parts.terms.extensions.expiresIn) return { token: token.text };
    return {
      token: token.text,
      expires_in: expiresInSeconds,
      issued_at: Math.floor((token.issuedAtMs + shift) / 1000),
      ...(caller.nextPsk !== undefined && { rotate: ROTATE_HINT }),
    };
  }
}

/**
 * The policy when none is given: a backend may command everybody, everyone itself, an owner what it owns, and
 * things of one owner each other.
 */
export function ownersPolicy(accounts: Accounts): CommandPolicy {
  return async (src, dst) => {
    const [from, to] = await Promise.all([accounts.find(src), accounts.find(dst)]);
    if (from === undefined || to === undefined || from.disabled || to.disabled) return false;
    if (from.role === "backend" || from.id === to.id || to.owner === from.id) return true;
    return from.owner !== undefined && from.owner === to.owner;
  };
}

/** Rounded down: a device may think that its token ends earlier than it does, never later. */
function remainingSeconds(token: IssuedToken, nowMs: number): number {
  return Math.max(0, Math.floor((token.expiresAtMs - nowMs) / 1000));
}

function needText(args: Frame, name: string, parent = ""): string {
  const value = args[name];
  const shown = `"${parent}${name}"`;
  if (value === undefined) throw new RpcError(400, `The argument ${shown} is missing; give it as a string`);
  if (typeof value === "string" && value !== "") return value;
  throw new RpcError(400, `The argument ${shown} must be a string that is not empty`);
}

function needHost(args: Frame): string {
  const host = needText(args, "host");
  if (host.length <= HOST_CHARACTERS_MAX) return host;
  throw new RpcError(
    400,
    `The argument "host" is longer than ${HOST_CHARACTERS_MAX} characters; give a hostname`,
  );
}

function needCredentials(args: Frame): { psk?: string; cert?: string } {
  const credentials = args.credentials;
  if (credentials === undefined)
    throw new RpcError(400, 'The argument "credentials" is missing; give psk or cert');
  if (!isObject(credentials)) throw new RpcError(400, 'The argument "credentials" must be an object');
  const given: { psk?: string; cert?: string } = {};
  if (credentials.psk !== undefined) given.psk = needText(credentials, "psk", "credentials.");
  if (credentials.cert !== undefined) given.cert = needText(credentials, "cert", "credentials.");
  if (given.psk !== undefined || given.cert !== undefined) return given;
  throw new RpcError(400, 'The argument "credentials" has neither psk nor cert; give one of them');
}

function fingerprintOf(pem: string): string | null {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return null;
  }
}
