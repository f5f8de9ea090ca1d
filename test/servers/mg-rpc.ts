import { createHash } from "node:crypto";

const sha256 = (...parts: unknown[]): string => createHash("sha256").update(parts.join(":")).digest("hex");

/** What a method does with its `params`. */
export type MgMethod = (params: Record<string, unknown>) => unknown;

/**
 * The device's side of mg-rpc by what Shelly documents of its second generation (General/RPCProtocol and
 * General/Authentication): one JSON object in, one out. `v` and `args` are no words of it.
 */
export class MgRpcDevice {
  /** Frames as they came. */
  readonly frames: Record<string, unknown>[] = [];
  private nonce = 1_638_000_000;
  private count = 0;

  /** @param password of `admin`, the only user; null: nothing is protected */
  constructor(
    readonly id: string,
    private readonly password: string | null,
    private readonly methods: Readonly<Record<string, MgMethod>>,
  ) {}

  /** The reply to a message, and the topic that it goes to; null where there is none. */
  handle(message: string): { topic: string; payload: string } | null {
    const frame = JSON.parse(message);
    this.frames.push(frame);
    const { id, src, method, params } = frame;
    if (typeof src !== "string" || typeof method !== "string" || id === undefined) return null;
    const outcome = this.isProved(frame.auth) ? this.call(method, params) : { error: this.challenge() };
    // The id comes back as it was, number or string.
    const payload = JSON.stringify({ id, src: this.id, dst: src, ...outcome });
    return { topic: `${src}/rpc`, payload };
  }

  /** The next proof needs a new nonce. */
  restart(): void {
    this.nonce++;
    this.count = 0;
  }

  private call(method: string, params: unknown): object {
    const run = this.methods[method];
    if (run === undefined) return { error: { code: 404, message: `No handler for ${method}` } };
    const isObject = typeof params === "object" && params !== null;
    if (params !== undefined && !isObject) return { error: { code: -103, message: "Invalid argument" } };
    return { result: run((params ?? {}) as Record<string, unknown>) };
  }

  private isProved(auth?: Record<string, unknown>): boolean {
    if (this.password === null) return true;
    if (auth === undefined || auth.username !== "admin" || auth.realm !== this.id) return false;
    if (auth.algorithm !== "SHA-256" || auth.nonce !== this.nonce) return false;
    const count = auth.nc === undefined ? 1 : Number(auth.nc);
    const [first, second] = [sha256("admin", this.id, this.password), sha256("dummy_method", "dummy_uri")];
    const expected = sha256(first, auth.nonce, count, auth.cnonce, "auth", second);
    if (auth.response !== expected || count <= this.count) return false;
    this.count = count;
    return true;
  }

  private challenge(): object {
    const { id: realm, nonce } = this;
    const message = JSON.stringify({ auth_type: "digest", nonce, nc: 1, realm, algorithm: "SHA-256" });
    return { code: 401, message };
  }
}
