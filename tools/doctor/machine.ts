/** This machine: terminal, browser, ports, proxy. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { hasBrowser } from "../auth/login/method.js";
import { printable, systemCode, systemReason } from "../cli/failure.js";
import { hasTerminal } from "../cli/prompt.js";
import type { System } from "../cli/system.js";
import { proxyOf } from "../oidc/requests.js";
import { type Finding, fine, note, problem } from "./finding.js";

/** Who could answer questions, and where a login's page would open. */
export function examineTerminal(system: System): Finding[] {
  const { env, platform } = system;
  const terminal = hasTerminal(system)
    ? fine("terminal", "Questions can be asked here.")
    : note(
        "terminal",
        "no_terminal",
        "Nothing can be asked: this is no terminal.",
        "Give what is needed as flags or variables; errors name them.",
      );
  if (hasBrowser(system)) return [terminal];
  const { SSH_CONNECTION, DISPLAY = null } = env;
  const browser = note(
    "terminal",
    "no_browser",
    "No browser would open here.",
    "Open the address that 'motekey auth login' prints on any machine.",
    { platform, over_ssh: SSH_CONNECTION !== undefined, DISPLAY },
  );
  return [terminal, browser];
}

/** Can the login's answer be received, and are the ports free that somebody wants to listen on? */
export async function examinePorts(ports: readonly number[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const port of [0, ...ports]) findings.push(await examinePort(port));
  return findings;
}

const HOST = "127.0.0.1";

async function examinePort(port: number): Promise<Finding> {
  const server = createServer().listen({ host: HOST, port, exclusive: true });
  const what = port === 0 ? `A port of ${HOST}` : `${HOST}:${port}`;
  try {
    await once(server, "listening");
    const purpose = port === 0 ? "so a browser's login can come back" : "nobody else does";
    return fine("port", `${what} can be listened on: ${purpose}.`, { host: HOST, port });
  } catch (failure) {
    const code = systemCode(failure);
    const evidence = { host: HOST, port, code };
    if (code === "EADDRINUSE") {
      const next = "End the program that has it, or choose another port; 0 takes any free one.";
      return problem("port", "port_taken", `${what} is taken by another program.`, next, evidence);
    }
    const next = port === 0 ? "Log in with --device-code." : "Choose a port from 1024 on.";
    return problem("port", "port_denied", `${what} cannot be listened on.`, next, evidence);
  } finally {
    server.close();
  }
}

/** Proxies that are set. @param isReached the cloud was reached, or not tried */
export function examineProxy({ env }: System, isReached: boolean): Finding[] {
  const proxy = proxyOf(env);
  if (proxy === null) return [];
  const { variable, host } = proxy;
  const tell = isReached ? note : problem;
  return [
    tell(
      "proxy",
      "proxy_set",
      `${variable} names the proxy ${host}: providers are reached through it unless NO_PROXY has them, MQTT clouds are not.`,
      "Have direct connections to the cloud allowed; put a provider that needs none into NO_PROXY.",
      { variable, proxy: host, no_proxy: env.no_proxy ?? env.NO_PROXY ?? null },
    ),
  ];
}

/** Authorities that are trusted beside Node's own. Node reads the file at its start, and goes on without it. */
export async function examineAuthorities({ env }: System): Promise<Finding[]> {
  const path = env.NODE_EXTRA_CA_CERTS ?? "";
  if (path === "") return [];
  const evidence = { variable: "NODE_EXTRA_CA_CERTS", path: printable(path) };
  const text = await readFile(path, "utf8").catch((failure: unknown) => failure);
  if (typeof text === "string" && text.includes("-----BEGIN CERTIFICATE-----"))
    return [fine("authority", `The authorities in ${printable(path)} are trusted too.`, evidence)];
  const why = typeof text === "string" ? "it holds no certificate in PEM" : systemReason(text);
  const message = `The authorities in ${printable(path)} are not trusted: ${why}.`;
  return [
    problem("authority", "authority_unread", message, "Give NODE_EXTRA_CA_CERTS a PEM file.", evidence),
  ];
}
