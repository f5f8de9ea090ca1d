/** How the URL of a broker may begin. */
export interface Scheme {
  port: number;
  isSecure: boolean;
}

/** Brokers that are spoken MQTT to. */
export const MQTT_SCHEMES: Readonly<Record<string, Scheme>> = {
  "mqtt:": { port: 1883, isSecure: false },
  "mqtts:": { port: 8883, isSecure: true },
};

/** A broker that the cloud attaches to, taken apart: user and password never stand in a text together. */
export interface BrokerAddress {
  /** What it begins with: `mqtt:`. */
  scheme: string;
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
export function brokerAddress(text: string, schemes = MQTT_SCHEMES): BrokerAddress {
  const [first, ...others] = Object.keys(schemes);
  const form = `give ${first}//user:password@host:port, or ${others.join(", ")}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) {
    throw new Error(`The broker's URL is none; ${form}, with :/?#[]@% in user and password as %3A and so on`);
  }
  const scheme = schemes[url.protocol];
  if (scheme === undefined) throw new Error(`The broker's URL begins with ${url.protocol}; ${form}`);
  if (url.hostname === "") throw new Error(`The broker's URL names no host; ${form}`);
  const port = url.port === "" ? scheme.port : Number(url.port);
  return {
    scheme: url.protocol,
    isSecure: scheme.isSecure,
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
