import { constants } from "node:crypto";
import type { Server, Socket } from "node:net";
import { TLSSocket, type TlsOptions, type Server as TlsServer } from "node:tls";
import type { CertificateAuthority } from "./certificates.js";
import type { Events } from "./events.js";
import type { CloudTlsOptions } from "./types.js";

/**
 * TLS 1.3 ties an external key to SHA-256 here: were suites of another hash offered, a client could name one
 * identity and be let in by the session of another.
 */
export const PSK_SUITES = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-PSK-CHACHA20-POLY1305",
  "ECDHE-PSK-AES128-CBC-SHA256",
  "DHE-PSK-AES128-GCM-SHA256",
  "PSK-AES128-GCM-SHA256",
].join(":");

/** Who stands at the other end of a connection, as its TLS handshake proved. */
export interface LinkIdentity {
  id: string;
  proof: "certificate" | "psk";
  /** SHA-256 of the certificate's DER as Node prints it. */
  fingerprint?: string;
}

/** The TLS side of the cloud's ports: what they are served with, and whom each handshake proved. */
export class CloudTls {
  private readonly servers = new Set<TlsServer>();
  private readonly pskIdentities = new WeakMap<Socket, string>();

  private constructor(
    private options: CloudTlsOptions,
    /** What made the cloud's certificate, and clients'; null where the options brought theirs. */
    readonly authority: CertificateAuthority | null,
    /** The PSK of an identity, for TLS-PSK. */
    private readonly pskOfIdentity: (identity: string) => string | undefined,
    private readonly events: Events,
  ) {}

  /** Makes what the options leave out. @param host the address that the ports listen on */
  static async start(
    options: CloudTlsOptions,
    host: string,
    pskOf: (identity: string) => string | undefined,
    events: Events,
  ): Promise<CloudTls> {
    if ((options.cert === undefined) !== (options.key === undefined)) {
      throw new Error("tls.cert and tls.key belong together; give both or none");
    }
    if (options.psk === true || options.cert !== undefined) {
      return new CloudTls(options, null, pskOf, events);
    }
    const { CertificateAuthority } = await import("./certificates.js"); // a quarter of a second
    const authority = await CertificateAuthority.create("motekey mock cloud CA");
    const hosts = [...new Set(["localhost", "127.0.0.1", "::1", host])];
    const own = await authority.issue({ name: "motekey mock cloud", hosts });
    return new CloudTls({ ca: authority.cert, ...options, ...own }, authority, pskOf, events);
  }

  /** What `createServer` of node:tls and node:https takes. */
  get serverOptions(): TlsOptions {
    const { clientCertificates, psk } = this.options;
    if (psk === true) {
      return {
        ...this.contextOptions,
        pskCallback: (socket, identity) => this.pskOf(socket, identity),
        pskIdentityHint: "motekey",
      };
    }
    return {
      ...this.contextOptions,
      requestCert: clientCertificates === "optional" || clientCertificates === "required",
      rejectUnauthorized: clientCertificates === "required",
    };
  }

  /** Follows the handshakes of a server that was made with {@link serverOptions}. */
  watch(server: Server): void {
    const tlsServer = server as TlsServer;
    this.servers.add(tlsServer);
    tlsServer.on("close", () => this.servers.delete(tlsServer));
    tlsServer.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      this.refuse(String(socket.authorizationError ?? error.code ?? "unknown"));
      // Node says that the time is up, and leaves the connection open.
      if (error.code === "ERR_TLS_HANDSHAKE_TIMEOUT") socket.destroy();
    });
    tlsServer.prependListener("secureConnection", (socket) => {
      // Who shows a bad certificate is not taken for somebody without one.
      if (socket.authorized || this.options.clientCertificates !== "optional" || !showsCertificate(socket))
        return;
      this.refuse(String(socket.authorizationError));
      socket.destroy();
    });
  }

  /** Whom the handshake of this connection proved; null: nobody. */
  identityOf(socket: unknown): LinkIdentity | null {
    if (!(socket instanceof TLSSocket)) return null;
    const identity = this.pskIdentities.get(socket);
    if (identity !== undefined) return { id: identity, proof: "psk" };
    if (!socket.authorized || !showsCertificate(socket)) return null;
    const { subject, fingerprint256 } = socket.getPeerCertificate();
    return { id: String(subject.CN), proof: "certificate", fingerprint: fingerprint256 };
  }

  /** Puts other certificates and lists in place, for the handshakes from now on. */
  change(options: Pick<CloudTlsOptions, "cert" | "key" | "ca" | "crl">): void {
    this.options = { ...this.options, ...options };
    for (const server of this.servers) server.setSecureContext(this.contextOptions);
  }

  private get contextOptions(): TlsOptions {
    const { cert, key, ca, crl, psk, minVersion, maxVersion } = this.options;
    const versions = { minVersion: minVersion ?? "TLSv1.2", maxVersion: maxVersion ?? "TLSv1.3" } as const;
    // A resumed session does not say whose key began it: there are none.
    if (psk === true) return { ...versions, ciphers: PSK_SUITES, secureOptions: constants.SSL_OP_NO_TICKET };
    return {
      ...versions,
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca }),
      ...(crl === undefined ? {} : { crl }),
    };
  }

  /** Asked for each key that a client names. Only one whose key it has too ends the handshake. */
  private pskOf(socket: TLSSocket, identity: string): Buffer | null {
    const psk = this.pskOfIdentity(identity);
    if (psk === undefined) {
      this.pskIdentities.delete(socket);
      return null;
    }
    this.pskIdentities.set(socket, identity);
    return Buffer.from(psk, "utf8");
  }

  private refuse(reason: string): void {
    this.events.emit({ event: "tls-refused", reason });
  }
}

function showsCertificate(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate()).length > 0;
}
