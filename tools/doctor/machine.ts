/** This machine: terminal, browser, ports, proxy. */
import { once } from "node:events";
import { createServer } from "node:net";
import { hasBrowser } from "../auth/login/method.js";
import { systemCode } from "../cli/failure.js";
import { hasTerminal } from "../cli/prompt.js";
import type { System } from "../cli/system.js";
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

const PROXIES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/** Proxies that are set. @param isReached all places were reached without */
export function examineProxy({ env }: System, isReached: boolean): Finding[] {
  const name = PROXIES.find((variable) => (env[variable] ?? "") !== "");
  if (name === undefined) return [];
  const value = env[name] ?? "";
  // The address alone: a user and a password may stand before it.
  const proxy = URL.canParse(value) ? new URL(value).host : "(not a URL)";
  const tell = isReached ? note : problem;
  return [
    tell(
      "proxy",
      "proxy_unused",
      `${name} names the proxy ${proxy}, and motekey connects without it.`,
      "Have direct connections to the issuer and the cloud allowed.",
      { variable: name, proxy },
    ),
  ];
}
