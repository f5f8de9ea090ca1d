/** Clients that ask all replicas at once, and record what each was answered. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { MacDevice } from "../../cloud/mac.js";
import type { Asked, Ended, History } from "./history.js";

/** One attempt; the next one may go to another replica. */
const ATTEMPT_MS = 2_000;
const EPOCH = 2 ** 32;
const PAUSE_MS = 20;

export interface Credential {
  id: string;
  psk: string;
}

/** Where a replica is; null: it is being started anew. */
export type Place = { httpUrl: string; rpcUrl: string } | null;

export class Load {
  private isOver = false;
  private readonly running: Promise<void>[] = [];
  /** Tokens that were told: how a test sees that the service is back. */
  told = 0;
  private wake: () => void = () => {};

  /** @param places of the replicas, which change */
  constructor(
    private readonly history: History,
    private readonly places: readonly Place[],
    private readonly backend: Credential,
  ) {}

  /**
   * Makes, checks and ends one token after the other.
   * @param from the first id of its requests
   * @param restMs how long a token is good before its end is asked for
   */
  makeTokens(device: Credential, from = 1, restMs = 0): void {
    this.running.push(this.loop(from, (id) => this.tokenLife(device, id, restMs)));
  }

  /** Shows one counter to several replicas at once. */
  raceCounters(device: Credential): void {
    let counter = 0;
    let refusals = 0;
    this.running.push(
      this.loop(0, async () => {
        counter++;
        const takers = await Promise.all(
          [0, 1, 2].map((at) => this.counter(device, counter, this.places[at] ?? null)),
        );
        const isTaken = takers.some((ended) => ended.kind === "counter" && ended.isTaken);
        const isRefused = takers.some((ended) => ended.kind === "counter" && !ended.isTaken);
        refusals = isRefused && !isTaken ? refusals + 1 : 0;
        // The counters of a restored database are raised by this: a device would ask for its counter.
        if (refusals > 0 && refusals % 5 === 0) counter += EPOCH;
        // Whoever recorded an opening plays it back now and then.
        if (counter % 4 === 0)
          await this.counter(device, Math.max(1, counter - randomInt(1, 20)), this.anyPlace());
      }),
    );
  }

  /** Resolves when so many more tokens were told. */
  async progress(more: number): Promise<void> {
    const until = this.told + more;
    while (this.told < until)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
  }

  check(token: string): Promise<Ended> {
    return this.attempt({ kind: "check", token }, async ({ httpUrl }, signal) => {
      const headers = { authorization: basic(this.backend) };
      const body = new URLSearchParams({ token });
      const response = await fetch(`${httpUrl}/oauth2/introspect`, { method: "POST", headers, body, signal });
      if (response.status !== 200) throw new Error(reasonOf(response));
      return { kind: "check", isActive: ((await response.json()) as { active: boolean }).active };
    });
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running.splice(0));
    this.isOver = false;
  }

  private async loop(from: number, work: (turn: number) => Promise<void>): Promise<void> {
    for (let turn = from; !this.isOver; turn++) {
      await work(turn);
      await pause();
    }
  }

  private async tokenLife(device: Credential, id: number, restMs: number): Promise<void> {
    const host = `app-${id}.example.com`;
    const generate = async (): Promise<string | null> => {
      while (!this.isOver) {
        const ended = await this.generate(device, id, host);
        if (ended.kind === "token") return ended.token;
        await pause();
      }
      return null;
    };
    const tokens = await Promise.all(id % 3 === 0 ? [generate(), generate()] : [generate()]);
    const token = tokens.find((one) => one !== null) ?? null;
    if (token === null) return;
    this.told++;
    this.wake();
    await this.check(token);
    if (restMs > 0) await delay(restMs);
    while (!this.isOver) {
      const ended = await this.revoke(device, host, token);
      if (ended.kind === "revoked") break;
      await pause();
    }
    await this.check(token);
  }

  private generate(device: Credential, id: number, host: string): Promise<Ended> {
    const asked: Asked = { kind: "generate", device: device.id, id, host };
    return this.attempt(asked, async (place, signal) => {
      const { token } = await this.call(place, device, id, "GenerateToken", host, signal);
      if (token === undefined) throw new Error("no token");
      return { kind: "token", token };
    });
  }

  private revoke(device: Credential, host: string, token: string): Promise<Ended> {
    const asked: Asked = { kind: "revoke", device: device.id, host, tokens: [token] };
    return this.attempt(asked, async (place, signal) => {
      await this.call(place, device, randomInt(1e9, 1e12), "RevokeToken", host, signal);
      return { kind: "revoked" };
    });
  }

  private async call(
    { httpUrl }: NonNullable<Place>,
    device: Credential,
    id: number,
    method: string,
    host: string,
    signal: AbortSignal,
  ): Promise<{ token?: string }> {
    const body = JSON.stringify({ v: 2, id, method: `/v1/Auth.${method}`, args: { host } });
    const headers = { authorization: basic(device) };
    const response = await fetch(`${httpUrl}/rpc`, { method: "POST", headers, body, signal });
    const reply = (await response.json()) as {
      result?: { token?: string };
      error?: { code?: number } | string;
    };
    if (response.status !== 200 || reply.error !== undefined)
      throw new Error(response.status === 200 ? JSON.stringify(reply.error) : reasonOf(response));
    return reply.result ?? {};
  }

  /** Opens a MAC session under a counter, at one replica. */
  private counter(device: Credential, counter: number, place: Place): Promise<Ended> {
    const asked: Asked = { kind: "counter", device: device.id, counter };
    return this.attempt(
      asked,
      async ({ rpcUrl }, signal) => {
        const socket = new WebSocket(rpcUrl, "clubby.cesanta.com", {
          headers: { authorization: basic(device) },
        });
        try {
          await once(socket, "open", { signal });
          const mac = new MacDevice(device.psk, counter);
          socket.send(mac.seal({ v: 2, src: device.id, id: 1, method: "/v1/Hello", sec: mac.sec }));
          const text = String((await once(socket, "message", { signal }))[0]);
          if (text.includes("\n")) return { kind: "counter", isTaken: mac.open(text).right };
          const { error } = JSON.parse(text) as { error?: { code: number } };
          if (error?.code !== 401) throw new Error(`error ${error?.code}`);
          return { kind: "counter", isTaken: false };
        } finally {
          socket.on("error", () => {}).terminate();
        }
      },
      place,
    );
  }

  private attempt(
    asked: Asked,
    work: (place: NonNullable<Place>, signal: AbortSignal) => Promise<Ended>,
    place = this.anyPlace(),
  ): Promise<Ended> {
    return this.history.record(
      asked,
      ATTEMPT_MS,
      async () => {
        if (place === null) throw new Error("no replica");
        const abort = new AbortController();
        const timer = setTimeout(() => abort.abort(), ATTEMPT_MS);
        try {
          return await work(place, abort.signal);
        } finally {
          clearTimeout(timer);
        }
      },
      asked.kind === "counter" ? null : (place?.httpUrl ?? null),
    );
  }

  private anyPlace(): Place {
    return this.places[randomInt(this.places.length)] ?? null;
  }
}

function reasonOf({ status, headers }: Response): string {
  return `status ${status}, retry after ${headers.get("retry-after")}`;
}

function basic({ id, psk }: Credential): string {
  return `Basic ${Buffer.from(`${id}:${psk}`).toString("base64")}`;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
