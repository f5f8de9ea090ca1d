import { setTimeout as pause } from "node:timers/promises";
import type { LimitOptions } from "../../firmware/index.js";
import { type Cloud, startCloud } from "../cloud/index.js";
import { type DeviceToken, type SimulatedDevice, simulateDevice } from "../device.js";
import { type TransportName, urlOf } from "../transports.js";
import type { Tell } from "./events.js";
import { checkStory, type StoryOptions } from "./usage.js";

const HOST = "app.example.com";
/** Refreshed at half its life: two calls of the length below fit into the other half, but not into less. */
const LIFETIME_SECONDS = 10;
const LIMITS: LimitOptions = { callDeadlineMs: 3_000, callAttemptMs: 1_500 };
/** An app that asks for its token before each of its requests. */
const ASKING_MS = 50;

/** One device from its first connection to its revoked token; rejects with what went wrong. */
export async function tellOneDevice(options: StoryOptions, tell: Tell, signal: AbortSignal): Promise<void> {
  checkStory(options);
  const { id, psk, broker, proof, transport, allowInsecure } = options;
  const cloud = await startCloud({
    tokens: { lifetimeSeconds: LIFETIME_SECONDS },
    ...(broker !== null && { broker }),
    ...(allowInsecure && { requireFrameProof: false }),
  });
  cloud.on((event) => {
    if (event.event === "broker-lost") tell({ event: "broker", trouble: event.reason });
    else if (event.event === "broker-attached") tell({ event: "broker", trouble: null });
  });
  try {
    const credential = await cloud.addDevice({ id, ...(psk === null ? {} : { psk }) });
    signal.throwIfAborted();
    tell({ event: "started", cloud: urlOf(cloud, transport), devices: 1, proof });
    const device = simulateDevice({ cloud, ...credential, proof, transport, allowInsecure, limits: LIMITS });
    // All that the device waits for ends with CLOSED.
    signal.addEventListener("abort", () => device.close(), { once: true });
    try {
      await new Story(cloud, device, transport, tell, signal).tell();
    } finally {
      device.close();
    }
  } finally {
    await cloud.close();
  }
}

class Story {
  private readonly startedAtMs = performance.now();

  constructor(
    private readonly cloud: Cloud,
    private readonly device: SimulatedDevice,
    private readonly transport: TransportName,
    private readonly say: Tell,
    private readonly signal: AbortSignal,
  ) {}

  async tell(): Promise<void> {
    const first = await this.connect();
    await this.token();
    const second = await this.refresh(first);
    await this.revoke();
    await this.look([first, second]);
    const { connects, requests } = this.device.auth.counters;
    this.device.close();
    this.say({ event: "closed", connects, requests, ms: this.elapsedMs() });
  }

  /** The first request leaves with CONNECT, in the same write. */
  private async connect(): Promise<DeviceToken> {
    const connected = this.device.ready().then(() => {
      const pipelined = this.transport !== "rpc+ws";
      this.say({ event: "connected", device: this.device.id, pipelined, ms: this.elapsedMs() });
    });
    const [token] = await Promise.all([this.ask(), connected]);
    this.sayToken(token, false, this.elapsedMs());
    return token;
  }

  private async token(): Promise<void> {
    const { counters } = this.device.auth;
    const requests = counters.requests;
    const askedAtMs = performance.now();
    const token = await this.ask();
    this.sayToken(token, counters.requests === requests, since(askedAtMs));
  }

  /** Asks on and on, as an app does, until the token is another. */
  private async refresh(first: DeviceToken): Promise<DeviceToken> {
    const startedAtMs = performance.now();
    let expiresInMs = first.expiresInMs;
    let slowestMs = 0;
    for (let answers = 0; ; answers++) {
      const askedAtMs = performance.now();
      const token = await this.ask();
      const ms = since(askedAtMs);
      if (token.generation !== first.generation) {
        this.say({
          event: "refreshed",
          host: HOST,
          expiresIn: seconds(token.expiresInMs),
          generation: token.generation,
          aheadOfExpiry: expiresInMs / 1000,
          answers,
          slowestMs,
          ms: since(startedAtMs),
        });
        return token;
      }
      expiresInMs = token.expiresInMs;
      slowestMs = Math.max(slowestMs, ms);
      await pause(ASKING_MS, undefined, { signal: this.signal });
    }
  }

  private async revoke(): Promise<void> {
    const askedAtMs = performance.now();
    await this.device.host(HOST).revokeToken();
    this.say({ event: "revoked", host: HOST, ms: since(askedAtMs) });
  }

  /** Asks the cloud as a device and as an app's server; rejects when anything of the tokens is left. */
  private async look(tokens: readonly DeviceToken[]): Promise<void> {
    const askedAtMs = performance.now();
    const { length: listed } = await this.device.listTokens();
    const { length: active } = tokens.filter(({ token }) => this.cloud.checkToken(token, HOST).active);
    this.say({ event: "gone", host: HOST, listed, active, ms: since(askedAtMs) });
    if (listed + active > 0) throw new Error("The cloud still takes tokens that were revoked");
  }

  private ask(): Promise<DeviceToken> {
    return this.device.host(HOST).getToken();
  }

  private sayToken({ token, generation, expiresInMs }: DeviceToken, cached: boolean, ms: number): void {
    const expiresIn = seconds(expiresInMs);
    this.say({ event: "token", host: HOST, expiresIn, generation, bytes: token.length, cached, ms });
  }

  private elapsedMs(): number {
    return since(this.startedAtMs);
  }
}

function since(startedAtMs: number): number {
  return performance.now() - startedAtMs;
}

function seconds(ms: number): number {
  return ms / 1000;
}
