import { randomBytes } from "node:crypto";
import { connectAsync, type MqttClient } from "mqtt";
import type { BrokerAddress } from "../../cloud/broker-address.js";
import { brokerFailure } from "../../cloud/broker-failure.js";
import { isObject } from "../../cloud/frame.js";
import type { BrokerTls } from "../../cloud/types.js";
import type { Evictor } from "./evictor.js";

const LIMIT_MS = 5_000;
const CONTROL = "$CONTROL/dynamic-security/v1";
/** Clients without a name and password there log in by certificate, and keep their connections. */
const STRANGER = "Client not found";

/** mosquitto's dynamic security: disabling a client disconnects it and refuses its next login. */
export class MosquittoEvictor implements Evictor {
  constructor(
    private readonly address: BrokerAddress,
    private readonly tls: BrokerTls,
  ) {}

  async evict(id: string): Promise<void> {
    const { host, port, isSecure, user, password, url } = this.address;
    const { ca, cert, key } = this.tls;
    const client = await connectAsync({
      protocol: isSecure ? "mqtts" : "mqtt",
      host,
      port,
      // Every replica may do this at once.
      clientId: `${user}-${randomBytes(4).toString("hex")}`,
      username: user,
      ...(password !== undefined && { password }),
      ...(ca !== undefined && { ca: String(ca) }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      connectTimeout: LIMIT_MS,
      reconnectPeriod: 0,
    }).catch((failure: Error) => {
      throw new Error(`Cannot connect to the broker ${url} to revoke: ${brokerFailure(failure)}`);
    });
    try {
      await client.subscribeAsync(`${CONTROL}/response`, { qos: 1 });
      const answered = answerIn(client);
      const commands = [{ command: "disableClient", username: id }];
      await client.publishAsync(CONTROL, JSON.stringify({ commands }), { qos: 1 });
      const answer = await answered;
      if (answer === null)
        throw new Error(
          `The broker ${url} answers no command; let ${user} use ${CONTROL}, as the role admin does`,
        );
      const error = errorOf(answer);
      if (error !== undefined && error !== STRANGER)
        throw new Error(`The broker ${url} does not revoke: ${error}`);
    } finally {
      await client.endAsync(true);
    }
  }
}

/** The next message; null: none came in time. */
function answerIn(client: MqttClient): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), LIMIT_MS);
    client.once("message", (_topic, payload) => {
      clearTimeout(timer);
      resolve(payload);
    });
  });
}

/** The first response's error. */
function errorOf(answer: Buffer): string | undefined {
  const { responses } = JSON.parse(answer.toString("utf8")) as { responses?: unknown };
  const [first] = Array.isArray(responses) ? responses : [];
  return isObject(first) && typeof first.error === "string" ? first.error : undefined;
}
