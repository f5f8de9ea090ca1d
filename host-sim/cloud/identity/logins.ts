import type { Adapter, AdapterPayload } from "oidc-provider";
import { JsonFile } from "../json-file.js";

/** Codes, tokens and consents that end with their login: what oidc-provider's adapters call grantable. */
const OF_A_LOGIN = new Set(["AccessToken", "AuthorizationCode", "RefreshToken", "DeviceCode"]);
/** What is over is kept for a while, so that a late client hears "expired" and not "unknown". */
const REMEMBERED_SECONDS = 3600;
/** What has ended is looked for when there is this much, and when there is twice as much as the last look left. */
const PRUNED_FROM = 1_000;

interface Kept {
  model: string;
  id: string;
  payload: AdapterPayload;
  /** Unix seconds. */
  expiresAt: number;
}

interface Content {
  kept: Kept[];
  /** The organization of a login, by the id of its grant. */
  organizations: Record<string, string>;
}

/** Everything that comes and goes with logins: sessions, codes, tokens, consents, and their organizations. */
export class Logins {
  private kept = new Map<string, Kept>();
  private organizations = new Map<string, string>();
  private prunedAt = PRUNED_FROM;
  private file: JsonFile;

  /** @param file JSON file; read when it exists */
  constructor(file: string | undefined) {
    this.file = new JsonFile(file, "file of logins", (): Content => {
      this.prune();
      return { kept: [...this.kept.values()], organizations: Object.fromEntries(this.organizations) };
    });
    const content = this.file.read<Content>(({ kept }) => Array.isArray(kept));
    for (const one of content?.kept ?? []) this.kept.set(keyOf(one.model, one.id), one);
    for (const [grant, guid] of Object.entries(content?.organizations ?? {}))
      this.organizations.set(grant, guid);
  }

  /** The organization that was chosen for a login. */
  organizationOf(grantId: string | undefined): string | undefined {
    return grantId === undefined ? undefined : this.organizations.get(grantId);
  }

  /** Chooses the organization of a login. */
  choose(grantId: string, organization: string): void {
    this.organizations.set(grantId, organization);
    this.file.changed();
  }

  /** Lets everything that is kept get older, as if so many seconds had passed. */
  age(seconds: number): void {
    for (const one of this.kept.values()) {
      one.expiresAt -= seconds;
      for (const name of ["iat", "exp", "iiat", "loginTs", "authTime"] as const) {
        const at = one.payload[name];
        if (at !== undefined) one.payload[name] = at - seconds;
      }
    }
    this.file.changed();
  }

  /** Resolves when everything is in the file; rejects when it could not be written. */
  flush(): Promise<void> {
    return this.file.flush();
  }

  /** What oidc-provider keeps one kind of things with. */
  adapter(model: string): Adapter {
    const find = async (id: string) => this.find(model, id);
    const findBy = async (name: "uid" | "userCode", value: string) =>
      [...this.kept.values()].find((one) => one.model === model && one.payload[name] === value)?.payload;
    return {
      find,
      findByUid: (uid) => findBy("uid", uid),
      findByUserCode: (userCode) => findBy("userCode", userCode),
      upsert: async (id, payload, expiresIn) => this.keep(model, id, payload, expiresIn),
      consume: async (id) => {
        const payload = this.find(model, id);
        if (payload !== undefined) payload.consumed = now();
        this.file.changed();
      },
      destroy: async (id) => {
        this.forget(keyOf(model, id));
        this.file.changed();
      },
      revokeByGrantId: async (grantId) => this.end(grantId),
    };
  }

  private find(model: string, id: string): AdapterPayload | undefined {
    return this.kept.get(keyOf(model, id))?.payload;
  }

  private keep(model: string, id: string, payload: AdapterPayload, expiresIn: number | undefined): void {
    const expiresAt = expiresIn === undefined ? Number.MAX_SAFE_INTEGER : now() + expiresIn;
    // A copy, since its giver goes on changing what it has.
    this.kept.set(keyOf(model, id), { model, id, payload: structuredClone(payload), expiresAt });
    // Anybody can begin a login; nothing but its end takes it away again.
    if (this.kept.size >= this.prunedAt) this.prune();
    this.file.changed();
  }

  private forget(key: string): void {
    const one = this.kept.get(key);
    if (one?.model === "Grant") this.organizations.delete(one.id);
    this.kept.delete(key);
  }

  private end(grantId: string): void {
    for (const [key, one] of this.kept)
      if (OF_A_LOGIN.has(one.model) && one.payload.grantId === grantId) this.forget(key);
    this.file.changed();
  }

  private prune(): void {
    const oldest = now() - REMEMBERED_SECONDS;
    for (const [key, one] of this.kept) if (one.expiresAt < oldest) this.forget(key);
    this.prunedAt = Math.max(PRUNED_FROM, 2 * this.kept.size);
  }
}

function keyOf(model: string, id: string): string {
  return `${model} ${id}`;
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
