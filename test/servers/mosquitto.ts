import { type ChildProcess, spawn } from "node:child_process";
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

const HASH_ROUNDS = 101;

/** Somebody with a password at the broker. */
export interface BrokerUser {
  id: string;
  password: string;
}

/** A running mosquitto, hardened as a broker for devices should be. */
export interface Mosquitto {
  port: number;
  /** Without a user. */
  url: string;
  /** With the cloud's user and password. */
  cloudUrl: string;
  close(): Promise<void>;
}

/**
 * Where mosquitto is. Without it the suite or test is skipped with a message that says what to install; in CI
 * this throws instead.
 * @param context `this` of a mocha hook or test
 */
export function findMosquitto(context: Mocha.Context): string {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  const program = folders.map((folder) => join(folder, "mosquitto")).find(isExecutable);
  if (program !== undefined) return program;
  const message = "mosquitto is not here; install it (Debian: apt-get install mosquitto)";
  if (process.env.CI) throw new Error(message);
  console.warn(`      skipped: ${message}`);
  return context.skip();
}

/**
 * Starts mosquitto on a free port: passwords for all, topics bound to users, client ids to user names. Only
 * the user `cloud` may write replies and read requests.
 */
export async function startMosquitto(program: string, users: BrokerUser[]): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), "motekey-mosquitto-"));
  const cloud = { id: "cloud", password: randomBytes(16).toString("hex") };
  const port = await freePort();
  await writeConfiguration(folder, port, [cloud, ...users]);
  const child = spawn(program, ["-c", join(folder, "mosquitto.conf")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await running(child, port);
  } catch (failure) {
    await end(child, folder);
    throw failure;
  }
  return {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    cloudUrl: `mqtt://${cloud.id}:${cloud.password}@127.0.0.1:${port}`,
    close: () => end(child, folder),
  };
}

async function writeConfiguration(folder: string, port: number, users: BrokerUser[]): Promise<void> {
  const [passwords, acl] = [join(folder, "passwords"), join(folder, "acl")];
  await writeFile(passwords, users.map(passwordLine).join(""), { mode: 0o600 });
  const rules = [
    "user cloud",
    "topic write +/rpc",
    "topic read cloud/from/+/rpc",
    "",
    "pattern write cloud/from/%u/#",
    "pattern read %u/rpc/#",
    "",
  ];
  await writeFile(acl, rules.join("\n"), { mode: 0o600 });
  const lines = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous false",
    `password_file ${passwords}`,
    `acl_file ${acl}`,
    "use_username_as_clientid true",
    "set_tcp_nodelay true",
    "persistence false",
    "log_dest stderr",
    // As root it would become a user who cannot read the files above.
    ...(process.getuid?.() === 0 ? ["user root"] : []),
    "",
  ];
  await writeFile(join(folder, "mosquitto.conf"), lines.join("\n"));
}

/** `user:$7$rounds$salt$hash`, PBKDF2 with SHA-512, as mosquitto_passwd writes it. */
function passwordLine(user: BrokerUser): string {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(user.password, salt, HASH_ROUNDS, 64, "sha512");
  return `${user.id}:$7$${HASH_ROUNDS}$${salt.toString("base64")}$${hash.toString("base64")}\n`;
}

/** Resolves when it says that it runs and takes a connection; rejects with its last words. */
async function running(child: ChildProcess, port: number): Promise<void> {
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`mosquitto ended with ${code}: ${said.join("; ")}`)));
    lines.on("line", (line) => {
      said.push(line);
      if (/ running$/.test(line)) resolve();
    });
  });
  const socket = connect({ host: "127.0.0.1", port });
  await once(socket, "connect");
  socket.destroy();
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const exited = once(child, "exit");
    child.kill();
    await exited;
  }
  await rm(folder, { recursive: true });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
