import type { DeviceBook } from "./device-book.js";
import type { Events } from "./events.js";
import { type Frame, isObject, isRequestId, isTooDeep, parseFrame, RpcError } from "./frame.js";
import { entityOf } from "./new-entity.js";
import { DEVICES_SCOPE, type MemberRole, type Operator } from "./operator.js";
import { keyFingerprint, newPsk } from "./secret.js";
import type { Deed, Entity, NewEntity } from "./types.js";

const PSK_PATTERN = /^[\x21-\x7e]{16,128}$/;
/** SHA-256 of a certificate's DER, as Node prints it. */
const FINGERPRINT_PATTERN = /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/;
/** As many fit into a frame, whatever their ids. */
const DEVICES_MAX = 256;
const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;
const READERS: readonly MemberRole[] = ["admin", "developer", "viewer"];
const WRITERS: readonly MemberRole[] = ["admin", "developer"];

/** What the service works with. */
export interface DeviceServiceParts {
  book: DeviceBook;
  events: Events;
  /** Unix time in milliseconds. */
  now: () => number;
  /** What a token needs for what changes anything. Default `devices:provision`. */
  scope?: string;
}

/** A method: what its caller needs, and what it does. */
interface Method {
  roles: readonly MemberRole[];
  /** Does it change anything? Then the token needs the scope. */
  changes: boolean;
  call: (operator: Operator, args: Frame) => unknown;
}

/** `/v1/Device.*`: the registry of devices, for operators over HTTP (docs/cloud.md); the same for the mock and the service. */
export class DeviceService {
  private methods = new Map<string, Method>([
    ["/v1/Device.Create", { roles: WRITERS, changes: true, call: (by, args) => this.create(by, args) }],
    [
      "/v1/Device.CreateMany",
      { roles: WRITERS, changes: true, call: (by, args) => this.createMany(by, args) },
    ],
    ["/v1/Device.Certify", { roles: WRITERS, changes: true, call: (by, args) => this.certify(by, args) }],
    ["/v1/Device.Check", { roles: READERS, changes: false, call: (_by, args) => this.check(args) }],
    ["/v1/Device.Rotate", { roles: WRITERS, changes: true, call: (by, args) => this.rotate(by, args) }],
    ["/v1/Device.Revoke", { roles: WRITERS, changes: true, call: (by, args) => this.revoke(by, args) }],
    ["/v1/Device.List", { roles: READERS, changes: false, call: (_by, args) => this.list(args) }],
    ["/v1/Device.Show", { roles: READERS, changes: false, call: (_by, args) => this.show(args) }],
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
    const { scope = DEVICES_SCOPE } = this.parts;
    if (method.changes && !operator.scopes.has(scope))
      throw new RpcError(403, `${name} needs a token with the scope ${scope}; log in with it`);
    if (!isObject(args)) throw new RpcError(400, "args must be an object");
    return method.call(operator, args);
  }

  private async create(operator: Operator, args: Frame): Promise<object> {
    const [created] = await this.enroll(operator, [args]);
    if (created instanceof RpcError) throw created;
    return created as object;
  }

  /** Each is registered or refused by itself; all of them are on the disk before the answer. */
  private async createMany(operator: Operator, args: Frame): Promise<object> {
    const asked = devicesIn(args);
    const outcomes = await this.enroll(operator, asked);
    const devices = outcomes.map((outcome, at) => {
      if (!(outcome instanceof RpcError)) return outcome;
      return { id: asked[at]?.id ?? null, error: { code: outcome.code, message: outcome.message } };
    });
    return { devices };
  }

  /** The same again is no second device: who was cut off before the answer asks anew. In their order. */
  private async enroll(operator: Operator, asked: readonly Frame[]): Promise<(object | RpcError)[]> {
    const { book, events } = this.parts;
    const wanted = asked.map(wantedIn);
    const entities = new Map<string, Entity>();
    for (const one of wanted)
      if (!(one instanceof RpcError) && !entities.has(one.entity.id)) entities.set(one.entity.id, one.entity);
    const added = new Set(await book.enroll([...entities.values()], this.deed("created", operator)));
    for (const id of added) events.emit({ event: "device-created", id, by: operator.name });
    const known = await book.known([...entities.keys()]);
    return wanted.map((one) => {
      if (one instanceof RpcError) return one;
      const { id } = one.entity;
      const entity = known.get(id);
      if (entity === undefined) return new RpcError(503, "The device was not kept; try again");
      // The second of one id in a list is no new one.
      if (added.delete(id)) return { ...told(entity), created: true };
      if (entity.disabled)
        return new RpcError(409, `The device ${id} was revoked; a new device needs a new id`);
      if (entity.role !== "device" || !isProvedBy(entity, one.proof))
        return new RpcError(409, `The id ${id} is taken, with another key; choose another id`);
      return { ...told(entity), created: false };
    });
  }

  /** A device's next certificate: from now on the cloud takes this one of it, and not the one before. */
  private async certify(operator: Operator, args: Frame): Promise<object> {
    const { id, disabled } = await this.need(args);
    const certFingerprint = certFingerprintIn(args);
    if (disabled) throw new RpcError(409, `The device ${id} was revoked`);
    const certified = await this.parts.book.certify(id, certFingerprint, this.deed("certified", operator));
    if (certified) this.parts.events.emit({ event: "device-certified", id, by: operator.name });
    return { ...(await this.show({ id })), certified };
  }

  /** Makes a device's next key, which nobody sees, or takes it back. The same again is no second one. */
  private async rotate(operator: Operator, args: Frame): Promise<object> {
    const { id, disabled, certFingerprint } = await this.need(args);
    const { cancel = false } = args;
    if (typeof cancel !== "boolean") throw new RpcError(400, 'The argument "cancel" must be true or false');
    if (disabled) throw new RpcError(409, `The device ${id} was revoked`);
    if (certFingerprint !== undefined && !cancel)
      throw new RpcError(409, `The device ${id} is proved by its certificate; sign its next one`);
    const did = cancel ? "rotation-cancelled" : "rotation-begun";
    const nextPsk = cancel ? undefined : newPsk();
    const changed = await this.parts.book.stage(id, nextPsk, this.deed(did, operator));
    if (changed) this.parts.events.emit({ event: did, id, by: operator.name });
    return { ...(await this.show({ id })), changed };
  }

  /** Are these the devices that somebody takes them for? */
  private async check(args: Frame): Promise<object> {
    const asked = devicesIn(args).map((device) => ({ ...device, id: textIn(device, "id") }));
    const known = await this.parts.book.known(asked.map(({ id }) => id));
    const devices = asked.map((device: Frame & { id: string }) => {
      const { id } = device;
      const entity = known.get(id);
      if (entity?.role !== "device") return { id, state: "unknown", same_key: false };
      const { state, key_fingerprint, cert_fingerprint } = told(entity);
      const isSame =
        device.cert_fingerprint === undefined
          ? key_fingerprint === device.key_fingerprint
          : cert_fingerprint === device.cert_fingerprint;
      return { id, state, same_key: isSame };
    });
    return { devices };
  }

  private async revoke(operator: Operator, args: Frame): Promise<object> {
    const { id } = await this.need(args);
    const revoked = await this.parts.book.revoke(id, this.deed("revoked", operator));
    if (revoked) this.parts.events.emit({ event: "device-revoked", id, by: operator.name });
    return { ...(await this.show({ id })), revoked };
  }

  private async show(args: Frame): Promise<object> {
    return told(await this.need(args));
  }

  private async list(args: Frame): Promise<object> {
    const { limit = PAGE_DEFAULT, after = "" } = args;
    if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX)
      throw new RpcError(400, `The argument "limit" must be a whole number from 1 to ${PAGE_MAX}`);
    if (typeof after !== "string") throw new RpcError(400, 'The argument "after" must be a device\'s id');
    const found = await this.parts.book.devicesAfter(after, limit + 1);
    const page = found.slice(0, limit);
    return { devices: page.map(told), next: found.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  private async need(args: Frame): Promise<Entity> {
    const id = textIn(args, "id");
    const entity = (await this.parts.book.known([id])).get(id);
    if (entity?.role === "device") return entity;
    throw new RpcError(404, `There is no device ${JSON.stringify(id.slice(0, 128))}`);
  }

  private deed(did: Deed["did"], { name: by }: Operator): Deed {
    return { did, by, at: new Date(this.parts.now()).toISOString() };
  }
}

/** What operators see of a device: never its key. */
function told(entity: Entity) {
  const { id, psk, nextPsk, certFingerprint, disabled, counters, history = [] } = entity;
  return {
    id,
    state: disabled ? "revoked" : "active",
    key_fingerprint: keyFingerprint(psk),
    // null: no other key is on its way.
    next_key_fingerprint: nextPsk === undefined ? null : keyFingerprint(nextPsk),
    cert_fingerprint: certFingerprint ?? null,
    // -1: none was accepted yet.
    counter: Math.max(0, counters.connect, counters.mac),
    history,
  };
}

type Proof = Pick<NewEntity, "psk" | "certFingerprint">;

/** The device that somebody wants to register, or why it cannot be. */
function wantedIn(args: Frame): { entity: Entity; proof: Proof } | RpcError {
  try {
    const proof = proofIn(args);
    return { entity: entityOf({ id: textIn(args, "id"), ...proof }), proof };
  } catch (failure) {
    return failure instanceof RpcError ? failure : new RpcError(400, (failure as Error).message);
  }
}

/** What a new device proves itself by: a key, or a certificate, beside which nobody has its key. */
function proofIn(args: Frame): Proof {
  const { psk } = args;
  if (psk === undefined && args.cert_fingerprint !== undefined)
    return { certFingerprint: certFingerprintIn(args) };
  if (typeof psk !== "string" || !PSK_PATTERN.test(psk))
    throw new RpcError(400, 'The argument "psk" must be 16 to 128 characters of ASCII without spaces');
  return { psk };
}

function isProvedBy(known: Entity, { psk, certFingerprint }: Proof): boolean {
  if (psk === undefined) return known.certFingerprint === certFingerprint;
  return keyFingerprint(known.psk) === keyFingerprint(psk);
}

function certFingerprintIn(args: Frame): string {
  const value = args.cert_fingerprint;
  if (typeof value === "string" && FINGERPRINT_PATTERN.test(value)) return value;
  throw new RpcError(400, 'The argument "cert_fingerprint" must be a SHA-256 as AA:BB:…, 32 bytes');
}

function devicesIn(args: Frame): Frame[] {
  const { devices } = args;
  if (
    Array.isArray(devices) &&
    devices.length > 0 &&
    devices.length <= DEVICES_MAX &&
    devices.every(isObject)
  )
    return devices;
  throw new RpcError(400, `The argument "devices" must be a list of 1 to ${DEVICES_MAX} objects`);
}

function textIn(args: Frame, name: string): string {
  const value = args[name];
  if (typeof value === "string" && value !== "") return value;
  throw new RpcError(400, `The argument ${JSON.stringify(name)} must be a text that is not empty`);
}
