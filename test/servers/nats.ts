import { join } from "node:path";
import type { KeyPair } from "../../host-sim/cloud/index.js";
import { findProgram, freePort, ServerProcess, scratchFolder } from "./process.js";
import type { SampleBroker } from "./rabbitmq.js";
import { sample, writeFiles } from "./samples.js";

/** Where NATS is; see {@link findProgram}. */
export function findNats(context: Mocha.Context): string {
  return findProgram(context, "nats-server", "nats-server");
}

/** Starts NATS without TLS or users, on free ports: everybody may do everything. */
export async function startOpenNats(
  program: string,
): Promise<{ url: string; nativeUrl: string; close(): Promise<void> }> {
  const folder = scratchFolder("nats");
  const [port, natsPort] = [await freePort(), await freePort()];
  const text = [
    "server_name: motekey",
    `listen: "127.0.0.1:${natsPort}"`,
    `jetstream { store_dir: "${folder}/jetstream" }`,
    `mqtt { listen: "127.0.0.1:${port}" }`,
  ].join("\n");
  await writeFiles(folder, { "nats.conf": text });
  const broker = await ServerProcess.start(program, ["-c", join(folder, "nats.conf")], {
    folder,
    port,
    ready: /Server is ready/,
  });
  return {
    url: `mqtt://127.0.0.1:${port}`,
    nativeUrl: `nats://127.0.0.1:${natsPort}`,
    close: () => broker.close(),
  };
}

/** Starts NATS with users in a file of their own, one in each line, as `broker.evict` wants them; without TLS. */
export async function startUsersNats(
  program: string,
  devices: readonly { id: string; psk: string }[],
): Promise<{ url: string; nativeUrl: string; usersFile: string; pidFile: string; close(): Promise<void> }> {
  const folder = scratchFolder("nats");
  const [port, natsPort] = [await freePort(), await freePort()];
  const [usersFile, pidFile] = [join(folder, "users.conf"), join(folder, "nats.pid")];
  await writeFiles(folder, {
    "service.conf": sample("nats/service.conf", [
      ["/etc/nats/motekey", folder],
      ["/run/nats/nats.pid", pidFile],
      ["/var/lib/nats/motekey", `${folder}/jetstream`],
      ["127.0.0.1:4222", `127.0.0.1:${natsPort}`],
      ["port: 8883", `listen: "127.0.0.1:${port}"`],
    ]).replace(/^ {2}tls \{[^}]*\}$/m, ""),
    "users.conf": devices.reduceRight(
      (text, { id, psk }) =>
        text.replace("users: [\n", `users: [\n${deviceLine(text, id).replace("the device's key", psk)}\n`),
      sample("nats/users.conf", []),
    ),
  });
  const broker = await ServerProcess.start(program, ["-c", join(folder, "service.conf")], {
    folder,
    port,
    ready: /Server is ready/,
  });
  return {
    url: `mqtt://127.0.0.1:${port}`,
    nativeUrl: `nats://cloud@127.0.0.1:${natsPort}`,
    usersFile,
    pidFile,
    close: () => broker.close(),
  };
}

/** Starts NATS that speaks TLS alone, and lets in who shows a certificate of the CA for the name `cloud`. */
export async function startTlsNats(
  program: string,
  server: KeyPair,
  caFile: string,
): Promise<{ nativeUrl: string; close(): Promise<void> }> {
  const folder = scratchFolder("nats");
  const port = await freePort();
  const text = [
    `listen: "127.0.0.1:${port}"`,
    `tls { cert_file: "${folder}/server.crt", key_file: "${folder}/server.key", ca_file: "${caFile}", verify_and_map: true }`,
    'authorization { users: [{ user: "CN=cloud" }] }',
  ].join("\n");
  await writeFiles(folder, { "nats.conf": text, "server.crt": server.cert, "server.key": server.key });
  const broker = await ServerProcess.start(program, ["-c", join(folder, "nats.conf")], {
    folder,
    port,
    ready: /Server is ready/,
  });
  return { nativeUrl: `tls://127.0.0.1:${port}`, close: () => broker.close() };
}

/** The sample's line of device_123, of another device. */
function deviceLine(text: string, id: string): string {
  const line = text.split("\n").find((one) => one.includes('"device_123"')) ?? "";
  return line.replaceAll("device_123", id);
}

/** Starts NATS with our sample on free ports. */
export async function startNats(program: string, server: KeyPair, ca: string): Promise<SampleBroker> {
  const folder = scratchFolder("nats");
  const [port, webPort, natsPort] = [await freePort(), await freePort(), await freePort()];
  await writeFiles(folder, {
    "nats.conf": sample("nats/nats.conf", [
      ["/etc/nats/motekey", folder],
      ["/var/lib/nats/motekey", `${folder}/jetstream`],
      ["127.0.0.1:4222", `127.0.0.1:${natsPort}`],
      ["port: 8883", `listen: "127.0.0.1:${port}"`],
      ["port: 8443", `listen: "127.0.0.1:${webPort}"`],
    ]),
    "server.crt": server.cert,
    "server.key": server.key,
    "ca.crt": ca,
  });
  const broker = await ServerProcess.start(program, ["-c", join(folder, "nats.conf")], {
    folder,
    port,
    ready: /Server is ready/,
  });
  return {
    url: `mqtts://127.0.0.1:${port}`,
    webUrl: `wss://127.0.0.1:${webPort}/mqtt`,
    pid: broker.pid,
    ports: [port, webPort, natsPort],
    localPorts: [natsPort],
    nativeUrl: `nats://127.0.0.1:${natsPort}`,
    close: () => broker.close(),
  };
}
