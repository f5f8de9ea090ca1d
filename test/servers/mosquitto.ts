import { pbkdf2Sync, randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { KeyPair } from "../../host-sim/cloud/index.js";
import { findProgram, freePort, ServerProcess, scratchFolder } from "./process.js";
import type { SampleBroker } from "./rabbitmq.js";
import { sample, writeFiles } from "./samples.js";

const HASH_ROUNDS = 101;
const SAMPLE_FOLDER = "/etc/mosquitto/motekey";

/** Somebody with a password, or a pre-shared key, at the broker. */
export interface BrokerUser {
  id: string;
  password: string;
}

/** A running mosquitto, hardened as a broker for devices should be. */
export interface Mosquitto {
  port: number;
  /** Without a user. */
  url: string;
  /** MQTT over WebSocket, without a user. */
  wsUrl: string;
  /** With the cloud's user and password. */
  cloudUrl: string;
  close(): Promise<void>;
}

/** What a mosquitto with TLS is given; each sample takes what it names. */
export interface MosquittoTls {
  server?: KeyPair;
  ca?: string;
  crl?: string;
  users?: readonly BrokerUser[];
  /** Lines beside the sample's. */
  more?: readonly string[];
}

/** Where mosquitto is; see {@link findProgram}. */
export function findMosquitto(context: Mocha.Context): string {
  return findProgram(context, "mosquitto", "mosquitto");
}

/**
 * Starts mosquitto on a free port, without TLS: passwords for all, topics bound to users, client ids to user
 * names. Only the user `cloud` may write replies and read requests.
 */
export async function startMosquitto(
  program: string,
  users: BrokerUser[],
  rules: string[] = [],
  more: string[] = [],
): Promise<Mosquitto> {
  const folder = scratchFolder("mosquitto");
  const cloud = { id: "cloud", password: randomBytes(16).toString("hex") };
  const [port, wsPort] = [await freePort(), await freePort()];
  await writeFiles(folder, {
    acl: [sample("mosquitto/acl", []), ...rules, ""].join("\n"),
    passwords: [cloud, ...users].map(passwordLine).join(""),
  });
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous false",
    `password_file ${folder}/passwords`,
    `acl_file ${folder}/acl`,
    "use_username_as_clientid true",
    "set_tcp_nodelay true",
    // An address is no name of an interface, which is what libwebsockets wants.
    `listener ${wsPort}`,
    "bind_interface lo",
    "socket_domain ipv4",
    "protocol websockets",
    ...more,
  ];
  const server = await launch(program, folder, port, lines.join("\n"));
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${wsPort}/mqtt`,
    cloudUrl: `mqtt://${cloud.id}:${cloud.password}@127.0.0.1:${port}`,
    close: () => server.close(),
  };
}

/** Starts mosquitto with one of our samples, on a free port. */
export async function startSampleMosquitto(
  program: string,
  name: "certificates" | "passwords" | "psk",
  { server, ca, crl, users = [], more = [] }: MosquittoTls,
): Promise<SampleBroker & { port: number; webUrl: string }> {
  const folder = scratchFolder("mosquitto");
  const [port, webPort] = [await freePort(), await freePort()];
  const text = sample(`mosquitto/${name}.conf`, [
    [SAMPLE_FOLDER, folder],
    ["listener 8883", `listener ${port} 127.0.0.1`],
    // A websockets listener ignores its address: it is bound by the interface.
    ...(name === "certificates"
      ? ([["listener 8443", `listener ${webPort}\nbind_interface lo\nsocket_domain ipv4`]] as const)
      : []),
  ]);
  await writeFiles(folder, {
    acl: sample("mosquitto/acl", []),
    "server.crt": server?.cert ?? "",
    "server.key": server?.key ?? "",
    "ca.crt": ca ?? "",
    "ca.crl": crl ?? "",
    passwords: users.map(passwordLine).join(""),
    psk: users.map(({ id, password }) => `${id}:${Buffer.from(password).toString("hex")}\n`).join(""),
  });
  const broker = await launch(program, folder, port, [text, ...more].join("\n"));
  return {
    port,
    url: `mqtts://127.0.0.1:${port}`,
    webUrl: `wss://127.0.0.1:${webPort}/mqtt`,
    pid: broker.pid,
    ports: name === "certificates" ? [port, webPort] : [port],
    localPorts: [],
    close: () => broker.close(),
  };
}

/**
 * Starts mosquitto with our sample of dynamic security, without TLS: devices, and `cloud` and `admin` with one password.
 */
export async function startDynamicMosquitto(
  program: string,
  devices: readonly { id: string; psk: string }[],
  password: string,
): Promise<{ url: string; close(): Promise<void> }> {
  const folder = scratchFolder("mosquitto");
  const port = await freePort();
  const { clients, ...security } = JSON.parse(sample("mosquitto/dynamic-security.json", [])) as Security;
  const of = (username: string, text: string, rolename: string) => ({
    username,
    ...hashOf(text),
    roles: [{ rolename }],
  });
  security.roles.push(...devices.map(({ id }) => roleOf(id)));
  await writeFiles(folder, {
    "dynamic-security.json": JSON.stringify({
      ...security,
      clients: [
        ...clients.map(({ username, roles }) => ({ username, roles, ...hashOf(password) })),
        ...devices.map(({ id, psk }) => of(id, psk, id)),
      ],
    }),
  });
  const plugin = readdirSync("/usr/lib")
    .map((name) => `/usr/lib/${name}/mosquitto_dynamic_security.so`)
    .find(existsSync);
  const text = sample("mosquitto/dynamic.conf", [
    [SAMPLE_FOLDER, folder],
    ["listener 8883", `listener ${port} 127.0.0.1`],
    ["/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so", plugin ?? "mosquitto_dynamic_security.so"],
  ]).replace(/^(cert|key|ca)file .*$/gm, "");
  const server = await launch(program, folder, port, text);
  return { url: `mqtt://127.0.0.1:${port}`, close: () => server.close() };
}

interface Security {
  clients: { username: string; roles: object[] }[];
  roles: object[];
}

/** What the sample has of device_123. */
function roleOf(id: string): object {
  const { roles } = JSON.parse(sample("mosquitto/dynamic-security.json", [])) as Security;
  const role = roles.find((one) => (one as { rolename: string }).rolename === "device_123");
  return JSON.parse(JSON.stringify(role).replaceAll("device_123", id)) as object;
}

/** As the plugin keeps a password: PBKDF2 with SHA-512. */
function hashOf(text: string): object {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(text, salt, HASH_ROUNDS, 64, "sha512");
  return { password: hash.toString("base64"), salt: salt.toString("base64"), iterations: HASH_ROUNDS };
}

async function launch(program: string, folder: string, port: number, text: string): Promise<ServerProcess> {
  // As root it would become a user who cannot read the files.
  const user = process.getuid?.() === 0 ? ["user root"] : [];
  const configuration = [text, "persistence false", "log_dest stderr", ...user, ""].join("\n");
  await writeFiles(folder, { "mosquitto.conf": configuration });
  return ServerProcess.start(program, ["-c", join(folder, "mosquitto.conf")], {
    folder,
    port,
    ready: / running$/,
  });
}

/** `user:$7$rounds$salt$hash`, PBKDF2 with SHA-512, as mosquitto_passwd writes it. */
function passwordLine(user: BrokerUser): string {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(user.password, salt, HASH_ROUNDS, 64, "sha512");
  return `${user.id}:$7$${HASH_ROUNDS}$${salt.toString("base64")}$${hash.toString("base64")}\n`;
}
