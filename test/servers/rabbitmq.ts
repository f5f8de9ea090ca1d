import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { KeyPair } from "../../host-sim/cloud/index.js";
import { findProgram, freePort, ServerProcess, scratchFolder } from "./process.js";
import { sample, writeFiles } from "./samples.js";

const SAMPLE_FOLDER = "/etc/rabbitmq/motekey";

/** A broker that was started with our sample. */
export interface SampleBroker {
  /** `mqtts://…`. */
  url: string;
  /** `wss://…`, where MQTT is spoken over WebSocket. */
  webUrl?: string;
  /** Where the server speaks a protocol of its own beside MQTT. */
  nativeUrl?: string;
  pid: number;
  /** All that its process should listen on. */
  ports: readonly number[];
  /** Those of them that this machine alone may reach, by the sample itself. */
  localPorts: readonly number[];
  /** Where a process beside it listens: Erlang's port mapper. */
  mapperPort?: number;
  /** Its log, where a test reads it. */
  said?: readonly string[];
  close(): Promise<void>;
}

/** Where RabbitMQ is; see {@link findProgram}. What lies in PATH changes the user, who cannot read our files. */
export function findRabbitmq(context: Mocha.Context): string {
  return findProgram(context, "/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server");
}

/** Starts RabbitMQ with our sample, to which devices show certificates, on free ports; it takes some ten seconds. */
export async function startRabbitmq(program: string, server: KeyPair, ca: string): Promise<SampleBroker> {
  const [port, webPort] = [await freePort(), await freePort()];
  return launch(program, { port, webPort, others: [] }, (folder) => ({
    "rabbitmq.conf": sample("rabbitmq/rabbitmq.conf", [
      [SAMPLE_FOLDER, folder],
      ["mqtt.listeners.ssl.default = 8883", `mqtt.listeners.ssl.default = 127.0.0.1:${port}`],
    ]),
    "advanced.config": sample("rabbitmq/advanced.config", [
      [SAMPLE_FOLDER, folder],
      ["{port, 8443}", `{port, ${webPort}}, {ip, {127,0,0,1}}`],
    ]),
    enabled_plugins: sample("rabbitmq/enabled_plugins", []),
    "definitions.json": sample("rabbitmq/definitions.json", []),
    "server.crt": server.cert,
    "server.key": server.key,
    "ca.crt": ca,
  }));
}

/** How a broker that asks the cloud is reached, and the cloud by it. */
export interface Hooked {
  server: KeyPair;
  ca: string;
  /** Where the cloud serves HTTP. */
  httpPort: number;
  secret: string;
}

/** A broker that asks the cloud. */
export interface HookedBroker extends SampleBroker {
  /** `mqtt://…`, for devices without TLS. */
  plainUrl: string;
}

/** Starts RabbitMQ with our sample that asks the cloud who may log in; it takes some ten seconds. */
export async function startHookedRabbitmq(
  program: string,
  { server, ca, httpPort, secret }: Hooked,
): Promise<HookedBroker> {
  const [port, webPort, plainPort] = [await freePort(), await freePort(), await freePort()];
  const broker = await launch(program, { port, webPort, others: [plainPort] }, (folder) => ({
    "rabbitmq.conf": sample("rabbitmq/hook.conf", [
      [SAMPLE_FOLDER, folder],
      ["mqtt.listeners.ssl.default = 8883", `mqtt.listeners.ssl.default = 127.0.0.1:${port}`],
      ["mqtt.listeners.tcp.default = 1883", `mqtt.listeners.tcp.default = 127.0.0.1:${plainPort}`],
      ["web_mqtt.ssl.port = 8443", `web_mqtt.ssl.port = ${webPort}\nweb_mqtt.ssl.ip = 127.0.0.1`],
      ["change-this-secret@127.0.0.1:8180", `${secret}@127.0.0.1:${httpPort}`],
    ]),
    enabled_plugins: sample("rabbitmq/hook_plugins", []),
    "server.crt": server.cert,
    "server.key": server.key,
    "ca.crt": ca,
  }));
  return { ...broker, plainUrl: `mqtt://127.0.0.1:${plainPort}` };
}

/** A broker beside the service. */
export interface ServiceRabbitmq extends HookedBroker {
  /** `amqp://cloud@…`: the password is the service's. */
  amqpUrl: string;
  /** The same over TLS. */
  amqpsUrl: string;
  /** `http://…`, where the user `evict` with that password closes connections. */
  managementUrl: string;
}

/** Starts RabbitMQ with our sample for the service; it takes some ten seconds. @param password of the service's user */
export async function startServiceRabbitmq(
  program: string,
  { server, ca, httpPort, secret }: Hooked,
  password: string,
): Promise<ServiceRabbitmq> {
  const [port, webPort, plainPort] = [await freePort(), await freePort(), await freePort()];
  const [amqpPort, amqpsPort, managementPort] = [await freePort(), await freePort(), await freePort()];
  const others = [plainPort, amqpPort, amqpsPort, managementPort];
  const broker = await launch(program, { port, webPort, others }, (folder) => ({
    "rabbitmq.conf": sample("rabbitmq/service.conf", [
      [SAMPLE_FOLDER, folder],
      ["mqtt.listeners.ssl.default = 8883", `mqtt.listeners.ssl.default = 127.0.0.1:${port}`],
      ["mqtt.listeners.tcp.default = 1883", `mqtt.listeners.tcp.default = 127.0.0.1:${plainPort}`],
      ["web_mqtt.ssl.port = 8443", `web_mqtt.ssl.port = ${webPort}\nweb_mqtt.ssl.ip = 127.0.0.1`],
      ["listeners.tcp.local = 127.0.0.1:5672", `listeners.tcp.local = 127.0.0.1:${amqpPort}`],
      ["# listeners.ssl.default = 5671", `listeners.ssl.default = 127.0.0.1:${amqpsPort}`],
      ["management.tcp.port = 15672", `management.tcp.port = ${managementPort}`],
      ["change-this-secret@127.0.0.1:8180", `${secret}@127.0.0.1:${httpPort}`],
    ]),
    "service-definitions.json": sample("rabbitmq/service-definitions.json", [
      ["hash of the service's password", hashOf(password)],
      ["hash of the evicting user's password", hashOf(password)],
    ]),
    enabled_plugins: sample("rabbitmq/service_plugins", []),
    "server.crt": server.cert,
    "server.key": server.key,
    "ca.crt": ca,
  }));
  return {
    ...broker,
    plainUrl: `mqtt://127.0.0.1:${plainPort}`,
    amqpUrl: `amqp://cloud@127.0.0.1:${amqpPort}`,
    amqpsUrl: `amqps://cloud@127.0.0.1:${amqpsPort}`,
    managementUrl: `http://127.0.0.1:${managementPort}`,
  };
}

/** As `rabbitmqctl hash_password` makes it: a salt of four bytes, and SHA-256 of that and the password. */
function hashOf(password: string): string {
  const salt = randomBytes(4);
  const hash = createHash("sha256").update(salt).update(password).digest();
  return Buffer.concat([salt, hash]).toString("base64");
}

interface Ports {
  /** MQTT over TLS. */
  port: number;
  webPort: number;
  others: readonly number[];
}

/** @param filesIn the files of its configuration, by the folder that they will lie in */
async function launch(
  program: string,
  { port, webPort, others }: Ports,
  filesIn: (folder: string) => Record<string, string>,
): Promise<SampleBroker> {
  const folder = scratchFolder("rabbitmq");
  const [distributionPort, epmdPort] = [await freePort(), await freePort()];
  const files = filesIn(folder);
  await writeFiles(folder, {
    ...files,
    "rabbitmq-env.conf": sample("rabbitmq/rabbitmq-env.conf", [
      ["rabbit@localhost", `motekey${port}@localhost`],
    ]),
  });
  const env = {
    ...process.env,
    HOME: folder,
    ERL_EPMD_PORT: String(epmdPort),
    RABBITMQ_CONF_ENV_FILE: `${folder}/rabbitmq-env.conf`,
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
    ...("advanced.config" in files && { RABBITMQ_ADVANCED_CONFIG_FILE: `${folder}/advanced.config` }),
    RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/enabled_plugins`,
    RABBITMQ_MNESIA_BASE: `${folder}/mnesia`,
    RABBITMQ_LOG_BASE: `${folder}/log`,
    RABBITMQ_LOGS: "-",
    RABBITMQ_GENERATED_CONFIG_DIR: `${folder}/generated`,
    RABBITMQ_FEATURE_FLAGS_FILE: `${folder}/feature_flags`,
    RABBITMQ_PID_FILE: `${folder}/pid`,
    // Two schedulers' worth of machine is plenty for a test.
    ERL_FLAGS: "+S 2:2 +sbwt none",
  };
  // The port mapper that Erlang started beside it outlives it.
  const endMapper = () =>
    promisify(execFile)("epmd", ["-port", String(epmdPort), "-kill"], { env }).catch(() => {});
  const ready = /Server startup complete/;
  try {
    const broker = await ServerProcess.start(program, [], { folder, port, env, cwd: folder, ready });
    return {
      url: `mqtts://127.0.0.1:${port}`,
      webUrl: `wss://127.0.0.1:${webPort}/ws`,
      said: broker.said,
      pid: Number(readFileSync(`${folder}/pid`, "utf8")),
      ports: [port, webPort, ...others, distributionPort],
      localPorts: [distributionPort],
      mapperPort: epmdPort,
      close: async () => {
        await broker.close();
        await endMapper();
      },
    };
  } catch (failure) {
    await endMapper();
    throw failure;
  }
}
