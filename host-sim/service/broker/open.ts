import { readFile } from "node:fs/promises";
import { type BrokerAddress, brokerAddress, MQTT_SCHEMES, type Scheme } from "../../cloud/broker-address.js";
import { ENCODINGS } from "../../cloud/encoding.js";
import type { BrokerTls } from "../../cloud/types.js";
import type { Evictor } from "../evict/evictor.js";
import { openEvictor } from "../evict/open.js";
import type { ServiceBroker } from "../service-options.js";
import type { BrokerLine, BrokerLineParts } from "./line.js";

const DEFAULT_GROUP = "motekey";

/** The protocols that we speak to brokers. */
const SCHEMES: Readonly<Record<string, Scheme>> = {
  ...MQTT_SCHEMES,
  "amqp:": { port: 5672, isSecure: false },
  "amqps:": { port: 5671, isSecure: true },
  "nats:": { port: 4222, isSecure: false },
  "tls:": { port: 4222, isSecure: true },
};

/** Attaches to the broker that the options name, by its own way of sharing requests. */
export async function openLine(
  options: ServiceBroker,
  parts: Omit<BrokerLineParts, "tls" | "group" | "topicsBound">,
): Promise<BrokerLine> {
  const { topicsBound = false, group = DEFAULT_GROUP } = options;
  const address = await addressOf(options);
  const line: BrokerLineParts = { ...parts, topicsBound, group, tls: await tlsOf(options) };
  if (address.scheme.startsWith("amqp")) return (await import("./amqp.js")).AmqpLine.start(address, line);
  if (address.scheme in MQTT_SCHEMES) {
    const { Attachment } = await import("../../cloud/attach.js");
    return Attachment.start({ ...line, broker: address, encodings: ENCODINGS });
  }
  return (await import("./nats.js")).NatsLine.start(address, line);
}

/** The service's own login, where the broker asks the service about it too; null: it has no password. */
export async function ownLogin(options: ServiceBroker): Promise<{ user: string; password: string } | null> {
  const { user, password } = await addressOf(options);
  return password === undefined ? null : { user, password };
}

async function addressOf({ url, passwordFile }: ServiceBroker): Promise<BrokerAddress> {
  const address = brokerAddress(url, SCHEMES);
  if (address.password !== undefined)
    throw new Error(
      "There is a password in broker.url; put it into a file, and name that as broker.passwordFile",
    );
  if (passwordFile === undefined) return address;
  return { ...address, password: (await readFile(passwordFile, "utf8")).trimEnd() };
}

/** Ends connections at the broker; null: nothing does. */
export async function evictorOf(options: ServiceBroker | undefined): Promise<Evictor | null> {
  if (options?.evict === undefined) return null;
  return openEvictor(options.evict, await tlsOf(options));
}

async function tlsOf({ caFile, certFile, keyFile }: ServiceBroker): Promise<BrokerTls> {
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Error("broker.certFile and broker.keyFile need each other");
  const [ca, cert, key] = await Promise.all(
    [caFile, certFile, keyFile].map((file) => (file === undefined ? undefined : readFile(file, "utf8"))),
  );
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
