const DEFAULT_PORTS: Readonly<Record<string, number>> = { "mqtt:": 1883, "mqtts:": 8883 };
const FORM = "give mqtt://user:password@host:port, or mqtts:";

/** A broker that the cloud attaches to, taken apart: user and password never stand in a text together. */
export interface BrokerAddress {
  isSecure: boolean;
  /** IPv6 without its brackets. */
  host: string;
  port: number;
  /** "": none. */
  user: string;
  /** undefined: none. */
  password: string | undefined;
  /** Without user and password. */
  url: string;
}

/**
 * Takes `mqtt://user:password@host:port` apart (`mqtts:` for TLS); what user and password have of `:/?#[]@%` is
 * percent-encoded (RFC 3986, 2.1).
 * @throws Error that says what is wrong, without the text: there may be a password in it
 */
export function brokerAddress(text: string): BrokerAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) {
    throw new Error(`The broker's URL is none; ${FORM}, with :/?#[]@% in user and password as %3A and so on`);
  }
  const defaultPort = DEFAULT_PORTS[url.protocol];
  if (defaultPort === undefined) throw new Error(`The broker's URL begins with ${url.protocol}; ${FORM}`);
  if (url.hostname === "") throw new Error(`The broker's URL names no host; ${FORM}`);
  const port = url.port === "" ? defaultPort : Number(url.port);
  return {
    isSecure: url.protocol === "mqtts:",
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    user: decoded(url.username, "user"),
    password: url.password === "" ? undefined : decoded(url.password, "password"),
    url: `${url.protocol}//${url.hostname}:${port}`,
  };
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(`The ${what} in the broker's URL has a % that begins no character; write it as %25`);
  }
}
