import { createPrivateKey, X509Certificate } from "node:crypto";
import type { OnReadOpts } from "node:net";
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  type DetailedPeerCertificate,
  type SecureContext,
  type SecureVersion,
  type TLSSocket,
} from "node:tls";
import { type Address, LinkSecurity, Status } from "../../firmware/index.js";
import {
  BYTES,
  checkOptions,
  either,
  FLAG,
  listOf,
  NAME,
  needed,
  oneOf,
  optionsOf,
  type Shape,
  TEXT,
} from "../cloud/options.js";
import { type LinkSocket, NodeLink } from "./link.js";
import { type TlsProgress, type TlsProof, tlsStatus } from "./tls-status.js";

/**
 * TLS 1.3 binds an external key to SHA-256 here (RFC 8446, 4.2.11), so no other suite can take it. In TLS 1.2
 * those with a key exchange come first: they keep what was said secret when the key is lost later.
 */
const PSK_SUITES = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-PSK-CHACHA20-POLY1305",
  "ECDHE-PSK-AES128-CBC-SHA256",
  "DHE-PSK-AES128-GCM-SHA256",
  "PSK-AES128-GCM-SHA256",
].join(":");

/** The key that both ends know, and the name that the cloud finds it by. */
export interface TlsPsk {
  readonly identity: string;
  readonly key: Uint8Array;
}

/** How a link speaks TLS. All texts are PEM; the names are those of node:tls. */
export interface TlsOptions {
  /** The trust anchors: two while a CA is replaced. Absent: those that Node knows (see NODE_EXTRA_CA_CERTS). */
  readonly ca?: string | readonly string[];
  /** The name that the cloud's certificate must be for, and that the cloud is asked for (SNI). Default: the host. */
  readonly servername?: string;
  /**
   * What is to be spoken inside, the best first (ALPN, RFC 7301): `x-amzn-mqtt-ca` for AWS IoT on port 443. Absent: the
   * cloud does not hear of it. One that speaks nothing of it ends the handshake, or goes on without a choice (`report.alpn`).
   */
  readonly alpn?: string | readonly string[];
  /** The device's certificate, with those between it and its CA, and its key: RSA, EC or Ed25519. */
  readonly cert?: string;
  readonly key?: string;
  /** Instead of certificates: both ends are proved by one key. */
  readonly psk?: TlsPsk;
  /** Lists of revoked certificates, one for each CA of `ca`. */
  readonly crl?: string | readonly string[];
  /** false: whoever answers is taken for the cloud. */
  readonly rejectUnauthorized?: boolean;
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
}

const TEXTS = either(TEXT, listOf(TEXT));
const VERSION = oneOf("TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1");
const PSK: Shape<TlsPsk> = { identity: needed(NAME), key: needed(BYTES) };

/** The names and values of the options. */
export const TLS_OPTIONS: Shape<TlsOptions> = {
  ca: TEXTS,
  servername: NAME,
  alpn: either(NAME, listOf(NAME)),
  cert: TEXT,
  key: TEXT,
  psk: optionsOf(PSK),
  crl: TEXTS,
  rejectUnauthorized: FLAG,
  minVersion: VERSION,
  maxVersion: VERSION,
};

/** What a connection's handshake agreed on. */
export interface TlsReport {
  /** Such as `TLSv1.3`. */
  readonly protocol: string | null;
  readonly cipher: string;
  /** An earlier session was taken up again: no certificate crossed the link. */
  readonly resumed: boolean;
  /** Which of `alpn` the cloud chose; null: none. */
  readonly alpn: string | null;
}

/** TLS for the firmware: each failure has its own status, and sessions are resumed where the cloud lets us. */
export class TlsLink extends NodeLink {
  readonly security: LinkSecurity;
  /** Of the latest connection; null before its handshake is done. */
  report: TlsReport | null = null;
  private readonly options: TlsOptions;
  private readonly proof: TlsProof;
  private readonly context: SecureContext;
  /** The latest session that the cloud offered to resume, and where. */
  private session: Buffer | undefined;
  private sessionAddress = "";
  /** Until when the certificates are valid that were looked at when it began, unix ms. */
  private sessionEndsAtMs = Number.POSITIVE_INFINITY;

  /** @throws Error when an option is unknown or of a wrong value, when they contradict each other, or hold what is no certificate, key or list */
  constructor(options: TlsOptions = {}) {
    super("secureConnect");
    checkOptions("tls", options, TLS_OPTIONS);
    this.options = options;
    this.proof = proofOf(options);
    this.security = securityOf(options);
    this.context = contextOf(options);
  }

  protected override dial(address: Address, onread: OnReadOpts): TLSSocket {
    const { psk, servername, alpn, rejectUnauthorized } = this.options;
    const where = `${address.host}:${address.port}`;
    if (where !== this.sessionAddress || !(Date.now() < this.sessionEndsAtMs)) this.session = undefined;
    this.sessionAddress = where;
    this.report = null;
    const progress: TlsProgress = { isKeyed: false, isSecure: false, isHeard: false };
    const options: ConnectionOptions & { noDelay: boolean; onread: OnReadOpts } = {
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: onread.buffer,
        callback: (count, bytes) => {
          progress.isHeard = true;
          return onread.callback(count, bytes);
        },
      },
      secureContext: this.context,
      rejectUnauthorized: rejectUnauthorized !== false,
      ...(this.session === undefined ? {} : { session: this.session }),
      ...(servername === undefined ? {} : { servername }),
      ...(alpn === undefined ? {} : { ALPNProtocols: textsOf(alpn) }),
      ...(psk === undefined ? {} : pskOptions(psk)),
    };
    const socket = connect(options);
    this.watch(socket as TLSSocket & LinkSocket, progress);
    return socket;
  }

  private watch(socket: TLSSocket & LinkSocket, progress: TlsProgress): void {
    const { proof } = this;
    const { crl, rejectUnauthorized } = this.options;
    let code = "";
    socket.once("connect", () => {
      socket.status = Status.TLS_FAILED;
    });
    // What it gets there are the keys themselves; that there are any is all we take.
    socket.once("keylog", () => {
      progress.isKeyed = true;
    });
    socket.once("secureConnect", () => {
      const resumed = proof !== "psk" && socket.isSessionReused();
      progress.isSecure = true;
      this.report = {
        protocol: socket.getProtocol(),
        cipher: socket.getCipher().name,
        resumed,
        alpn: socket.alpnProtocol || null,
      };
      // A resumed session shows no certificate that could be looked at again: it lives as long as the one that began it.
      if (!resumed && rejectUnauthorized !== false && proof !== "psk")
        this.sessionEndsAtMs = endOf(socket.getPeerCertificate(true));
    });
    socket.on("session", (session) => {
      // By a key, resuming would save nothing, and the cloud would not learn whose key it was. And a list of revoked
      // certificates, which ends by itself, is looked at in full handshakes alone.
      if (proof !== "psk" && crl === undefined) this.session = session;
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      code = error.code ?? "";
    });
    socket.once("close", () => {
      const status = tlsStatus(code, proof, progress);
      if (status !== undefined) socket.status = status;
      if (status !== undefined || !progress.isSecure) this.session = undefined;
    });
  }
}

/** When the first certificate of a chain ends, unix ms; NaN where one does not say. */
function endOf(chain: DetailedPeerCertificate): number {
  const ends: number[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  // An anchor is its own issuer.
  for (let each = chain; each !== undefined && !seen.has(each); each = each.issuerCertificate) {
    seen.add(each);
    ends.push(Date.parse(each.valid_to));
  }
  return Math.min(...ends);
}

function proofOf({ psk, cert }: TlsOptions): TlsProof {
  if (psk !== undefined) return "psk";
  return cert === undefined ? "none" : "certificate";
}

function securityOf(options: TlsOptions): LinkSecurity {
  if (options.psk !== undefined) return LinkSecurity.PSK_TLS;
  if (options.rejectUnauthorized === false) return LinkSecurity.UNVERIFIED_TLS;
  return options.cert === undefined ? LinkSecurity.VERIFIED_TLS : LinkSecurity.MUTUAL_TLS;
}

function contextOf(options: TlsOptions): SecureContext {
  const { ca, cert, key, psk, crl, minVersion, maxVersion } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new Error("motekey: tls.cert and tls.key belong together; give both or none");
  }
  if (psk !== undefined && (ca ?? cert ?? crl) !== undefined) {
    throw new Error(
      "motekey: tls.psk stands instead of certificates; leave out tls.ca, tls.cert and tls.crl",
    );
  }
  // Under TLS-PSK no certificate is as good as the key, whoever issued it: there are no trust anchors.
  const anchors = psk === undefined ? ca : [];
  try {
    for (const anchor of anchors === undefined ? [] : textsOf(anchors)) new X509Certificate(anchor);
    if (cert !== undefined && key !== undefined) {
      const isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
      if (!isPair) throw new Error("the key belongs to another certificate");
    }
    return createSecureContext({
      // A trust anchor is whom we trust, self-signed or not (RFC 5280, 6.1.1), as on the engines. With lists of revoked
      // certificates OpenSSL would then look for one of each stranger's CA, and call a stranger's certificate that.
      // Beside Node's own list of anchors Node 20 would leave out those of NODE_EXTRA_CA_CERTS.
      ...(anchors === undefined ? {} : { ca: textsOf(anchors), allowPartialTrustChain: crl === undefined }),
      ...(crl === undefined ? {} : { crl: textsOf(crl) }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(psk === undefined ? {} : { ciphers: PSK_SUITES }),
      minVersion: minVersion ?? "TLSv1.2",
      maxVersion: maxVersion ?? "TLSv1.3",
    });
  } catch (failure) {
    throw new Error(
      "motekey: tls.ca, tls.cert, tls.key or tls.crl cannot be read; give PEM, and a key that belongs to the certificate",
      { cause: failure },
    );
  }
}

function pskOptions(psk: TlsPsk): ConnectionOptions {
  return {
    pskCallback: () => ({ identity: psk.identity, psk: psk.key }),
    // There is no certificate whose name could be checked; a cloud that shows one does not have the key.
    checkServerIdentity: (_host, certificate) =>
      Object.keys(certificate).length === 0 ? undefined : new Error("a certificate in place of the key"),
  };
}

function textsOf(texts: string | readonly string[]): string[] {
  return typeof texts === "string" ? [texts] : [...texts];
}
