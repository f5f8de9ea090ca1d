import type { Events } from "./events.js";
import { type Frame, isObject, isRequestId, isTooDeep, parseFrame, RpcError } from "./frame.js";
import { DEVICES_SCOPE, type MemberRole, type Operator } from "./identity/index.js";
import type { Registry } from "./registry.js";
import { keyFingerprint } from "./secret.js";
import type { Entity } from "./types.js";

const PSK_PATTERN = /^[\x21-\x7e]{16,128}$/;
const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;
const READERS: readonly MemberRole[] = ["admin", "developer", "viewer"];
const WRITERS: readonly MemberRole[] = ["admin", "developer"];

/** What the service works with. */
export interface DeviceServiceParts {
  registry: Registry;
  events: Events;
  /** Ends a device's connection and its tokens, and resolves when the registry's file has it. */
  disable: (id: string) => Promise<void>;
  /** Unix time in milliseconds. */
  now: () => number;
}

/** A method: what its caller needs, and what it does. */
interface Method {
  roles: readonly MemberRole[];
  /** Does it change anything? Then the token needs the scope. */
  changes: boolean;
  call: (operator: Operator, args: Frame) => unknown;
}

/** `/v1/Device.*`: the registry of devices, for operators over HTTP (docs/cloud.md). */
export class DeviceService {
  private methods = new Map<string, Method>([
    ["/v1/Device.Create", { roles: WRITERS, changes: true, call: (by, args) => this.create(by, args) }],
    ["/v1/Device.Revoke", { roles: WRITERS, changes: true, call: (by, args) => this.revoke(by, args) }],
    ["/v1/Device.List", { roles: READERS, changes: false, call: (_by, args) => this.list(args) }],
    ["/v1/Device.Show", { roles: READERS, changes: false, call: (_by, args) => told(this.need(args)) }],
  ]);

  constructor(private parts: DeviceServiceParts) {}

  /** Answers a frame that an operator has sent. Rejects with an `RpcError` where it is none. */
  async post(operator: Operator, body: Uint8Array): Promise<object> {
    const frame = parseFrame(body, "json");
    if (frame === null || typeof frame.method !== "string" || !isRequestId(frame.id) || isTooDeep(frame))
      throw new RpcError(400, "The body is no request of v2 RPC; give id and method in one JSON object");
    try {
      return { id: frame.id, result: await this.call(operator, frame.method, frame.args ?? {}) };
    } catch (failure) {
      if (!(failure instanceof RpcError)) throw failure;
      return { id: frame.id, error: { code: failure.code, message: failure.message } };
    }
  }

  private async call(operator: Operator, name: string, args: unknown): Promise<unknown> {
    const method = this.methods.get(name);
    if (method === undefined)
      throw new RpcError(
        404,
        `Operators have no method ${JSON.stringify(name.slice(0, 64))}; theirs are those of /v1/Device`,
      );
    if (operator.role === null || !method.roles.includes(operator.role))
      throw new RpcError(
        403,
        `${name} is for the role ${method.roles.join(" or ")}; yours is ${operator.role ?? "none"}`,
      );
    if (method.changes && !operator.scopes.has(DEVICES_SCOPE))
      throw new RpcError(403, `${name} needs a token with the scope ${DEVICES_SCOPE}; log in with it`);
    if (!isObject(args)) throw new RpcError(400, "args must be an object");
    return method.call(operator, args);
  }

  /** The same again is no second device: who was cut off before the answer asks anew. */
  private async create(operator: Operator, args: Frame): Promise<object> {
    const id = textIn(args, "id");
    const { psk } = args;
    if (typeof psk !== "string" || !PSK_PATTERN.test(psk))
      throw new RpcError(400, 'The argument "psk" must be 16 to 128 characters of ASCII without spaces');
    const known = this.parts.registry.get(id);
    if (known !== undefined) {
      if (known.disabled)
        throw new RpcError(409, `The device ${id} was revoked; a new device needs a new id`);
      if (known.role !== "device" || keyFingerprint(known.psk) !== keyFingerprint(psk))
        throw new RpcError(409, `The id ${id} is taken, with another key; choose another id`);
      return { ...told(known), created: false };
    }
    let entity: Entity;
    try {
      entity = this.parts.registry.add({ id, psk });
    } catch (failure) {
      throw new RpcError(400, (failure as Error).message);
    }
    this.parts.registry.note(entity, { did: "created", by: operator.name, at: this.at() });
    await this.parts.registry.flush();
    this.parts.events.emit({ event: "device-created", id, by: operator.name });
    return { ...told(entity), created: true };
  }

  private async revoke(operator: Operator, args: Frame): Promise<object> {
    const entity = this.need(args);
    if (entity.disabled) return { ...told(entity), revoked: false };
    this.parts.registry.note(entity, { did: "revoked", by: operator.name, at: this.at() });
    await this.parts.disable(entity.id);
    this.parts.events.emit({ event: "device-revoked", id: entity.id, by: operator.name });
    return { ...told(entity), revoked: true };
  }

  private list(args: Frame): object {
    const { limit = PAGE_DEFAULT, after = "" } = args;
    if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX)
      throw new RpcError(400, `The argument "limit" must be a whole number from 1 to ${PAGE_MAX}`);
    if (typeof after !== "string") throw new RpcError(400, 'The argument "after" must be a device\'s id');
    const rest = this.parts.registry.devicesAfter(after);
    const page = rest.slice(0, limit);
    return { devices: page.map(told), next: rest.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  private need(args: Frame): Entity {
    const id = textIn(args, "id");
    const entity = this.parts.registry.get(id);
    if (entity?.role === "device") return entity;
    throw new RpcError(404, `There is no device ${JSON.stringify(id.slice(0, 128))}`);
  }

  private at(): string {
    return new Date(this.parts.now()).toISOString();
  }
}

/** What operators see of a device: never its key. */
function told({ id, psk, disabled, counters, history = [] }: Entity): object {
  return {
    id,
    state: disabled ? "revoked" : "active",
    key_fingerprint: keyFingerprint(psk),
    // -1: none was accepted yet.
    counter: Math.max(0, counters.connect, counters.mac),
    history,
  };
}

function textIn(args: Frame, name: string): string {
  const value = args[name];
  if (typeof value === "string" && value !== "") return value;
  throw new RpcError(400, `The argument ${JSON.stringify(name)} must be a text that is not empty`);
}
