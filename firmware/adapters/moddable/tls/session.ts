import { Digest } from "crypt";
import PKCS1_5 from "pkcs1_5";
import PKCS8 from "pkcs8";
import alert from "ssl/alert";
import suites from "ssl/ciphersuites";
import handshake from "ssl/handshake";
import Session from "ssl/session";
import type { Socket, Suite } from "ssl/types";
import { Status } from "../../../status.js";
import { type Certificate, type RsaKey, readCertificate } from "./certificate.js";
import { checkChain } from "./chain.js";

/** Whom a session trusts, and who it says we are. */
export interface Identity {
  readonly anchors: readonly Certificate[];
  readonly serverName: string;
  /** DER, our own first; none: we prove nothing. */
  readonly chain: Uint8Array[];
  /** PKCS #8, RSA. */
  readonly key: Uint8Array | null;
}

/** TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (RFC 5289): the one suite of the SDK's that RFC 9325 recommends. */
const SUITE = [0xc0, 0x2f];
const OFFERED = suites.filter(({ value }) => value[0] === SUITE[0] && value[1] === SUITE[1]);
const HELLO = {
  packetize: (session: object): Uint8Array =>
    handshake.helloProtocol.packetize(session, OFFERED, [0], handshake.clientHello.msgType),
};
const SERVER_KEY_EXCHANGE = 12;
const SERVER_HELLO_DONE = 14;
const FINISHED = 20;
const WARNING = 1;
/** Alerts about our certificate (RFC 5246, 7.2.2): bad, unsupported, revoked, expired, unknown, of no known CA, denied. */
const CLIENT_REFUSED = [42, 43, 44, 45, 46, 48, 49];
/** What OpenSSL answers to a client that has no certificate, among others. */
const HANDSHAKE_FAILURE = 40;
/** The server does not go by the name that we asked for (RFC 6066, 3), or wants ALPN (RFC 7301, 3.2). */
const UNRECOGNIZED_NAME = 112;
const NO_APPLICATION_PROTOCOL = 120;

/** Big-endian bytes as a number. The typings take a BigInt for an object. */
const numberOf = (bytes: Uint8Array): bigint =>
  BigInt.fromArrayBuffer(bytes.slice().buffer) as unknown as bigint;

const publicKeyOf = (key: RsaKey): { modulus: bigint; exponent: bigint } => ({
  modulus: numberOf(key.modulus),
  exponent: numberOf(key.exponent),
});

const isSignedBy = (certificate: Certificate, issuer: Certificate): boolean => {
  if (certificate.signatureHash === null || issuer.key === null) return false;
  const digest = new Digest(certificate.signatureHash);
  digest.write(certificate.tbs.slice().buffer);
  return new PKCS1_5(publicKeyOf(issuer.key), false, []).verify(digest.close(), certificate.signature);
};

/**
 * The SDK's TLS 1.2, with the server's proof made sure of. As it comes (8.2.3) it can be led past it: it takes a chain
 * whose first certificate nobody signed, and a key exchange whose signature names no algorithm; DESIGN.md has more.
 * So the chain is checked here, and it is watched that each key exchange was checked.
 */
export class SureSession extends Session {
  /** Why the session was given up; OK: it was not. */
  refusal: Status;
  private readonly identity: Identity;
  private serverKey: RsaKey | null;
  private wasAskedForCertificate: boolean;
  private isSigned: boolean;
  private isHashed: boolean;
  private suite: Suite | null;
  private random: unknown;
  private parameters: unknown;
  private lastMessage: number;

  constructor(identity: Identity) {
    // Without the cache: other parts of the app share it, and put in what they did not check.
    super({ serverName: identity.serverName, protocolVersion: 0x303, cache: false });
    this.refusal = Status.OK;
    this.identity = identity;
    this.serverKey = null;
    this.wasAskedForCertificate = false;
    this.isSigned = false;
    this.isHashed = false;
    this.suite = null;
    this.certificateManager = {
      verify: (chain) => this.verify(chain),
      register: () => {},
      getKey: (certificate) => this.keyOf(certificate),
      findPreferredCert: () => {
        this.wasAskedForCertificate = true;
        return identity.chain;
      },
    };
    this.initiateHandshake();
  }

  /** Whether the handshake is over, and the server has proved who it is. @throws when it will not */
  proceed(socket: Socket): boolean {
    const isOver = this.handshake(socket);
    if (!isOver) return false;
    if (this.alert !== undefined) throw new Error("TLS: alert");
    const isSure = this.serverKey !== null && this.isSigned && this.applicationData === undefined;
    if (!isSure) throw new Error("TLS: the server skipped its proof");
    return true;
  }

  /** Whether the handshake goes on without waiting for more bytes. */
  get isDue(): boolean {
    return this.lastMessage === SERVER_HELLO_DONE || this.lastMessage === FINISHED;
  }

  /**
   * Why there will be no session.
   * @param isGone the peer has hung up: after it saw our certificate, or that we have none, that was the reason
   */
  failure(isGone: boolean): Status {
    const description = this.alert === undefined ? -1 : this.alert.description;
    if (this.refusal !== Status.OK) return this.refusal;
    if (CLIENT_REFUSED.indexOf(description) >= 0) return Status.TLS_CLIENT_REFUSED;
    if (description === UNRECOGNIZED_NAME) return Status.TLS_NAME;
    if (description === NO_APPLICATION_PROTOCOL) return Status.TLS_ALPN;
    const isUnexplained = description === HANDSHAKE_FAILURE || (isGone && description < 0);
    return isUnexplained && this.wasAskedForCertificate ? Status.TLS_CLIENT_REFUSED : Status.TLS_FAILED;
  }

  /** Announces to the peer that nothing follows (RFC 5246, 7.2.1). */
  leave(socket: Socket): void {
    this.doProtocol(socket, alert, WARNING, alert.close_notify);
  }

  override doProtocol(socket: Socket, protocol: object, ...parameters: unknown[]): void {
    super.doProtocol(socket, protocol === handshake.clientHello ? HELLO : protocol, ...parameters);
  }

  // What the SDK notes on the session as it goes; none of it is asked for by us.

  set chosenCipher(suite: Suite) {
    if (suite !== OFFERED[0]) throw new Error("TLS: the server chose a suite that was not offered");
    this.suite = suite;
  }

  get chosenCipher(): Suite | null {
    return this.suite;
  }

  /** Set before a key exchange's signature is looked at. */
  set dhparams(parameters: unknown) {
    this.isHashed = false;
    this.parameters = parameters;
  }

  get dhparams(): unknown {
    return this.parameters;
  }

  set serverRandom(random: unknown) {
    this.random = random;
  }

  /** Asked for where the signature is checked, and nowhere else between `dhparams` and the message's end. */
  get serverRandom(): unknown {
    this.isHashed = true;
    return this.random;
  }

  /** Set when a message was read. */
  set handshakeProcess(message: number) {
    if (message === SERVER_KEY_EXCHANGE) {
      if (!this.isHashed) throw new Error("TLS: a key exchange without a signature");
      this.isSigned = true;
    }
    this.lastMessage = message;
  }

  get handshakeProcess(): number {
    return this.lastMessage;
  }

  private verify(chain: Uint8Array[]): boolean {
    const certificates = chain.map((der) => readCertificate(der.slice()));
    const { anchors, serverName } = this.identity;
    this.serverKey = null;
    const status = checkChain(certificates, { anchors, serverName, nowMs: Date.now(), isSignedBy });
    if (status === Status.OK) this.serverKey = (certificates[0] as Certificate).key;
    else this.refusal = status;
    return status === Status.OK;
  }

  private keyOf(certificate: unknown): object {
    const { chain, key } = this.identity;
    if (key !== null && certificate === chain[0]) return PKCS8.parse(key);
    if (this.serverKey === null) throw new Error("TLS: a key exchange before the certificate");
    return publicKeyOf(this.serverKey);
  }
}
