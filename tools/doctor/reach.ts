/** A host's port, tried step by step: its name, its port, its certificate. */
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls";
import { Status } from "../../firmware/index.js";
import { tlsStatus } from "../../host-sim/node/tls-status.js";
import { printable, systemCode } from "../cli/failure.js";
import { waitFor } from "../cli/wait.js";
import { type Evidence, OBSTACLES, type Obstacle } from "./finding.js";

const LIMIT_MS = 5_000;

/** Where somebody should be listening. */
export interface Place {
  readonly host: string;
  readonly port: number;
  /** It speaks TLS. */
  readonly isSecure: boolean;
  /** Whom to trust, PEM. Default: those that Node knows (see NODE_EXTRA_CA_CERTS). */
  readonly ca?: string | undefined;
}

/** How far a connection came. */
export interface Reached {
  /** Null: all the way. */
  readonly obstacle: Obstacle | null;
  /** What is so: a whole sentence. */
  readonly message: string;
  readonly evidence: Evidence;
}

/** Connects, and hangs up. */
export async function reach(place: Place): Promise<Reached> {
  const { host, port, isSecure } = place;
  const where = { host, port };
  try {
    const { address } = await lookup(host);
    const socket = await connected(connectTcp({ host: address, port }), "connect");
    if (!isSecure) {
      socket.destroy();
      return { obstacle: null, message: `${host}:${port} answers.`, evidence: { ...where, address } };
    }
    return await looked(place, socket, { ...where, address });
  } catch (failure) {
    return stopped(failure, where);
  }
}

/** The certificate, and whether it is believed. */
async function looked(place: Place, socket: Socket, evidence: Evidence): Promise<Reached> {
  const { host, port, ca } = place;
  const servername = isIP(host) === 0 ? host : "";
  // Looked at here, and not believed: nothing is ever sent on this connection.
  const link = connectTls({
    socket,
    servername,
    host,
    rejectUnauthorized: false,
    // Only beside a list of ours: with Node's own list it leaves out NODE_EXTRA_CA_CERTS.
    ...(ca && { ca, allowPartialTrustChain: true }),
  });
  try {
    await connected(link, "secureConnect");
    const seen = { ...evidence, ...certificateOf(link), protocol: link.getProtocol() };
    const code = String(link.authorizationError ?? "");
    if (link.authorized)
      return { obstacle: null, message: `${host}:${port} answers over TLS.`, evidence: seen };
    return told(certificateFault(code), { ...seen, code: printable(code, 100) });
  } catch (failure) {
    const code = systemCode(failure);
    return told(OBSTACLE_OF[code] ?? "tls_failed", { ...evidence, code });
  } finally {
    link.destroy();
  }
}

const FAULTS: Partial<Record<Status, Obstacle>> = {
  [Status.TLS_NAME]: "tls_name",
  [Status.TLS_CA]: "tls_ca",
  [Status.TLS_EXPIRED]: "tls_expired",
  [Status.TLS_NOT_YET_VALID]: "tls_not_yet_valid",
};

function certificateFault(code: string): Obstacle {
  const status = tlsStatus(code, "none", { isKeyed: true, isSecure: false, isHeard: true });
  return (status === undefined ? undefined : FAULTS[status]) ?? "tls_failed";
}

function certificateOf(link: TLSSocket): Evidence {
  const { subjectaltname, issuer, valid_from, valid_to } =
    link.getPeerCertificate() as Partial<PeerCertificate>;
  const time = (text: string | undefined) => (text === undefined ? null : new Date(text).toISOString());
  return {
    names: printable(subjectaltname ?? "", 300),
    issued_by: printable(String(issuer?.CN ?? ""), 100),
    valid_from: time(valid_from),
    valid_to: time(valid_to),
  };
}

async function connected<S extends Socket>(socket: S, event: "connect" | "secureConnect"): Promise<S> {
  try {
    const late = Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" });
    await waitFor(LIMIT_MS, late, (signal) => once(socket, event, { signal }));
    return socket;
  } catch (failure) {
    socket.destroy();
    throw failure;
  }
}

const OBSTACLE_OF: Readonly<Record<string, Obstacle>> = {
  ENOTFOUND: "host_unknown",
  EAI_AGAIN: "host_unknown",
  ECONNREFUSED: "refused",
  ETIMEDOUT: "timeout",
};

function stopped(failure: unknown, evidence: Evidence): Reached {
  const code = systemCode(failure);
  return told(OBSTACLE_OF[code] ?? "unreachable", { ...evidence, code });
}

function told(obstacle: Obstacle, evidence: Evidence): Reached {
  const { host, port } = evidence;
  return { obstacle, message: `${host}:${port} cannot be used: ${OBSTACLES[obstacle]}.`, evidence };
}
