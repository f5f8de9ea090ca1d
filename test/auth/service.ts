import type { Reply, Request } from "./peer.js";
import type { VirtualTime } from "./time.js";

/** A tiny Auth service: tokens `host#1`, `host#2`, … with a lifetime; everybody may do everything. */
export class Service {
  /** Of new tokens; undefined: nothing is said of it. */
  lifetimeS: number | undefined = 3_600;
  /** What a new token looks like. */
  make: (host: string, count: number) => string = (host, count) => `${host}#${count}`;
  /** What is answered in place of all that; undefined: the cloud is well. */
  fail: (() => Reply) | undefined;
  /** Tokens made so far. */
  count = 0;
  private readonly tokens = new Map<string, { token: string; endsAtMs: number }>();
  /** A request that comes again, under the same id, gets the same answer. */
  private readonly replies = new Map<number, Reply>();

  constructor(private readonly time: VirtualTime) {}

  /** Whether the host has a token that is neither revoked nor over. */
  has(host: string): boolean {
    const entry = this.tokens.get(host);
    return entry !== undefined && entry.endsAtMs > this.time.nowMs;
  }

  /** The host's token, if it has one. */
  current(host: string): string | undefined {
    return this.has(host) ? this.tokens.get(host)?.token : undefined;
  }

  /** Answers every method there is. */
  answer(request: Request): Reply {
    const { id } = request.frame;
    if (this.fail !== undefined) return this.fail();
    const reply = this.replies.get(id) ?? this.serve(request);
    this.replies.set(id, reply);
    return reply;
  }

  private serve({ frame }: Request): Reply {
    const host = String(frame.args.host);
    switch (frame.method) {
      case "/v1/Hello":
        return { result: { time: 1_600_000_000 } };
      case "/v1/Auth.GenerateToken":
        this.tokens.set(host, {
          token: this.make(host, ++this.count),
          endsAtMs: this.time.nowMs + (this.lifetimeS ?? Number.POSITIVE_INFINITY) * 1000,
        });
        return { result: this.tokenOf(host) };
      case "/v1/Auth.GetToken":
        return { result: this.has(host) ? { exist: true, ...this.tokenOf(host) } : { exist: false } };
      case "/v1/Auth.ListToken":
        return { result: [...this.tokens.keys()].map((name) => ({ host: name })) };
      case "/v1/Auth.RevokeToken":
        this.tokens.delete(host);
        return {};
      case "/v1/Auth.Authenticate":
        return { result: { success: true } };
      case "/v1/Auth.AuthorizeCommand":
        return { result: true };
      default:
        return { error: { code: 404, message: "no such method" } };
    }
  }

  private tokenOf(host: string): { token: string; expires_in?: number } {
    const { token, endsAtMs } = this.tokens.get(host) as { token: string; endsAtMs: number };
    if (this.lifetimeS === undefined) return { token };
    return { token, expires_in: Math.floor((endsAtMs - this.time.nowMs) / 1000) };
  }
}
