import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { brokerFailure } from "../../cloud/broker-failure.js";
import type { Evictor } from "./evictor.js";

const LIMIT_MS = 5_000;

/** RabbitMQ's management API. */
export interface ManagementPlace {
  url: URL;
  user: string;
  password: string;
  ca: string | undefined;
}

/**
 * RabbitMQ's management API: RabbitMQ asks nothing more about a device that stays connected, so we close its connections.
 * When it comes back RabbitMQ asks, and it is refused.
 */
export class RabbitEvictor implements Evictor {
  constructor(private readonly place: ManagementPlace) {}

  async evict(id: string): Promise<void> {
    const status = await this.end(id);
    if (status === 204 || status === 404) return;
    const why =
      status === 401 || status === 403
        ? "refuses the user; it needs the tag administrator"
        : `answers ${status}`;
    throw new Error(`The management of ${this.place.url.origin} ${why}`);
  }

  /** Resolves with the status of the answer. */
  private end(id: string): Promise<number> {
    const { url, user, password, ca } = this.place;
    const target = new URL(`/api/connections/username/${encodeURIComponent(id)}`, url);
    const ask = url.protocol === "https:" ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      const asked = ask(target, {
        method: "DELETE",
        auth: `${user}:${password}`,
        headers: { "x-reason": "revoked" },
        agent: false,
        timeout: LIMIT_MS,
        ...(ca !== undefined && { ca }),
      });
      asked.on("response", (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asked.on("timeout", () => asked.destroy(Object.assign(new Error("late"), { code: "ETIMEDOUT" })));
      asked.on("error", (failure) =>
        reject(new Error(`The management of ${url.origin} cannot be asked: ${brokerFailure(failure)}`)),
      );
      asked.end();
    });
  }
}
