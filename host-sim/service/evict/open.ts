import { readFile } from "node:fs/promises";
import { brokerAddress, MQTT_SCHEMES, type Scheme } from "../../cloud/broker-address.js";
import type { BrokerTls } from "../../cloud/types.js";
import type { ServiceEvict } from "../service-options.js";
import type { Evictor } from "./evictor.js";

/** The kinds of evictors: RabbitMQ's management, mosquitto's dynamic security. */
const SCHEMES: Readonly<Record<string, Scheme>> = {
  ...MQTT_SCHEMES,
  "http:": { port: 15672, isSecure: false },
  "https:": { port: 15671, isSecure: true },
};

/** The evictor that the options name. @throws Error that says what is missing */
export async function openEvictor(options: ServiceEvict, tls: BrokerTls): Promise<Evictor> {
  const { url, passwordFile, usersFile, pidFile } = options;
  if (url === undefined) {
    if (usersFile === undefined || pidFile === undefined)
      throw new Error("broker.evict needs url (RabbitMQ, mosquitto), or usersFile and pidFile (NATS)");
    return new (await import("./nats.js")).NatsEvictor({ usersFile, pidFile });
  }
  const address = brokerAddress(url, SCHEMES);
  if (address.password !== undefined)
    throw new Error(
      "There is a password in broker.evict.url; put it into a file, and name that as broker.evict.passwordFile",
    );
  const password = passwordFile === undefined ? undefined : (await readFile(passwordFile, "utf8")).trimEnd();
  if (address.scheme in MQTT_SCHEMES)
    return new (await import("./mosquitto.js")).MosquittoEvictor({ ...address, password }, tls);
  const place = { url: new URL(address.url), user: address.user, password: password ?? "" };
  const ca = tls.ca === undefined ? undefined : String(tls.ca);
  return new (await import("./rabbitmq.js")).RabbitEvictor({ ...place, ca });
}
