import { tlsFailure } from "./tls-failure.js";

/** What keeps the cloud from a broker, by the system's code, and what to do next. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens on that port; check the port, and that the broker runs",
  ENOTFOUND: "its name is not known; check the name, and DNS",
  EAI_AGAIN: "its name cannot be looked up; check the name, and DNS",
  EHOSTUNREACH: "there is no route to it; check the address and the network",
  ENETUNREACH: "there is no route to it; check the address and the network",
  ETIMEDOUT: "it does not answer; check the address, and whether a firewall stands between",
  ECONNRESET:
    "it closes the connection before it lets anybody in; check the port and its protocol, with TLS or without",
  EMFILE: "this process has no file descriptor left; raise its limit (ulimit -n)",
};

/** The same by the return code of its CONNACK (MQTT 3.1.1, 3.2.2.3). */
const BY_RETURN_CODE: Readonly<Record<number, string>> = {
  1: "it does not speak MQTT 3.1.1",
  2: "it refuses the client id, which is the URL's user; check the user",
  3: "it is there, but not ready; try again",
  4: "it refuses user and password; check both",
  5: "it refuses user and password, or does not let this user in; check both, and its rules",
};

/** MQTT.js's own words where no CONNACK came in time. */
const NO_CONNACK = /^connack timeout/;
/** What it says of a PINGREQ that nobody answers. */
const NO_PINGRESP = /^keepalive timeout/i;
const SILENT: readonly unknown[] = ["ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"];
const CLOSED: readonly unknown[] = [undefined, "ECONNRESET", "EPIPE"];

/** Half a sentence about what ended a connection that the broker had accepted. It holds nothing that was sent. */
export function brokerLoss(failure: unknown): string {
  const { code, message } = (failure ?? {}) as { code?: unknown; message?: unknown };
  if (SILENT.includes(code) || NO_PINGRESP.test(String(message)))
    return "it does not answer any more; check the network";
  if (CLOSED.includes(code)) return "it closed the connection; see the broker's log";
  return `the connection failed (${code}); see the broker's log`;
}

/** One sentence about why a broker cannot be had. It holds nothing that was sent. */
export function brokerFailure(failure: unknown): string {
  const { code, message } = (failure ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === "number") {
    return BY_RETURN_CODE[code] ?? `it refuses the connection with CONNACK ${code}; see the broker's log`;
  }
  const known = BY_CODE[String(code)];
  if (known !== undefined) return known;
  if (NO_CONNACK.test(String(message))) return BY_CODE.ETIMEDOUT as string;
  if (typeof code !== "string") return BY_CODE.ECONNRESET as string;
  return tlsFailure(code) ?? `the connection fails (${code}); check the address and the network`;
}
