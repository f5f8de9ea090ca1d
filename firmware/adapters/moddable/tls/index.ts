import type TCP from "embedded:io/socket/tcp";
import RNG from "rng";
import type { Socket } from "ssl/types";
import { checkGroup, Kind, type RowsOf } from "../../../options.js";
import { type Address, type Entropy, type LinkEvents, LinkSecurity } from "../../../ports.js";
import { Status } from "../../../status.js";
import { ModdableLink, writeTo } from "../link.js";
import { type Certificate, readCertificate } from "./certificate.js";
import { checkDates } from "./chain.js";
import { SureSession } from "./session.js";

/** Bytes of DER, as a resource or a file brings them. */
export type Bytes = ArrayBuffer | Uint8Array;

/** What TLS needs. All certificates and keys are DER; ours are RSA. */
export interface TlsOptions {
  /** The authorities that vouch for the server, or the server's own certificate; two while they change. */
  readonly ca: readonly Bytes[];
  /** What the server's certificate must name; the address's host when absent. */
  readonly serverName?: string;
  /** Our certificate, then those that lead to its authority. */
  readonly certificates?: readonly Bytes[];
  /** Our private key, PKCS #8, unencrypted. */
  readonly key?: Bytes;
  /** Seeds the SDK's `rng`, on targets where that is C's `rand`: all but ESP32 and ESP8266. */
  readonly entropy?: Entropy;
}

/** What a record takes beside its data: 5 + 8 + 16 bytes with AES-GCM, and some to spare for an alert. */
const RECORD_BYTES = 64;
const SEED_BYTES = 32;

const bytesOf = (given: Bytes): Uint8Array => (given instanceof Uint8Array ? given : new Uint8Array(given));

/** What holds bytes is checked here: the rules of the firmware know no ArrayBuffer. */
const checkOptions = (options: TlsOptions): void => {
  const der = { rows: {}, isOpen: true };
  const list = { rows: {}, isOpen: true, isList: true };
  const rows: RowsOf<TlsOptions> = {
    ca: { ...list, isNeeded: true },
    serverName: Kind.NAME,
    certificates: list,
    key: der,
    entropy: { rows: { fill: Kind.FUNCTION + Kind.NEEDED }, isOpen: true },
  };
  checkGroup("tls", options, { rows });
};

/** A socket, with what the session notes on it. */
class Wire implements Socket {
  readable: number;
  writable: number;
  isGone: boolean;
  private readonly socket: TCP;

  constructor(socket: TCP) {
    this.readable = 0;
    this.writable = 0;
    this.isGone = false;
    this.socket = socket;
  }

  read(bytes: Uint8Array): void {
    this.socket.read(bytes);
  }

  write(bytes: Uint8Array): number {
    this.isGone = true;
    const room = writeTo(this.socket, bytes);
    this.isGone = false;
    return room;
  }
}

/**
 * TLS 1.2 for the firmware, over the SDK's session and ECMA-419's socket. The server is verified, by date too: the
 * clock has to be set before (`sntp`). What is sent and received costs what the SDK's TLS costs: slots and chunks.
 */
export class ModdableTlsLink extends ModdableLink {
  readonly security: LinkSecurity;
  private readonly anchors: readonly Certificate[];
  private readonly serverName: string | null;
  private readonly chain: Uint8Array[];
  private readonly key: Uint8Array | null;
  private session: SureSession | null;
  /** The present socket as the session sees it; null before its first event. */
  private wire: Wire | null;

  /**
   * @throws Error that names an option which is unknown or of a wrong type; when `ca` is no certificate in DER or
   * has a critical extension that is not understood, or a
   * certificate of ours comes without its key
   */
  constructor(options: TlsOptions) {
    super();
    checkOptions(options);
    if (options.ca.length === 0)
      throw new Error("motekey: tls.ca is empty; give the authority's certificate");
    if ((options.certificates === undefined) !== (options.key === undefined))
      throw new Error("motekey: tls.certificates and tls.key belong together");
    this.anchors = options.ca.map((der) => readCertificate(bytesOf(der)));
    if (this.anchors.some((anchor) => anchor.extensions.hasUnknownCritical))
      throw new Error(
        "motekey: tls.ca has an authority with name constraints, or another critical extension that is not understood here; give one without",
      );
    this.serverName = options.serverName === undefined ? null : options.serverName;
    this.chain = options.certificates === undefined ? [] : options.certificates.map(bytesOf);
    this.key = options.key === undefined ? null : bytesOf(options.key);
    this.security = this.key === null ? LinkSecurity.VERIFIED_TLS : LinkSecurity.MUTUAL_TLS;
    this.session = null;
    this.wire = null;
    if (options.entropy !== undefined) {
      const seed = new Uint8Array(SEED_BYTES);
      options.entropy.fill(seed, 0, SEED_BYTES);
      RNG.init(seed.buffer);
    }
  }

  override open(address: Address, events: LinkEvents): void {
    const status = this.checkDates();
    if (status !== Status.OK) {
      this.close();
      this.events = events;
      this.failSoon(status); // the clock is not set, most likely: nothing is sent
      return;
    }
    super.open(address, events);
    this.session = new SureSession({
      anchors: this.anchors,
      serverName: this.serverName === null ? address.host : this.serverName,
      chain: this.chain,
      key: this.key,
    });
  }

  override close(): void {
    const { session, wire, isOpen } = this;
    this.session = null;
    this.wire = null;
    try {
      if (isOpen && session !== null && wire !== null) session.leave(wire);
    } catch {
      // the peer will see the socket's end
    }
    super.close();
  }

  protected override fail(status: Status): void {
    this.session = null; // nobody to take leave of
    super.fail(status);
  }

  protected override get loss(): Status {
    const isShaking = !this.isOpen && this.wire !== null;
    return isShaking && this.session !== null ? this.session.failure(true) : super.loss;
  }

  protected override drained(socket: TCP, count: number): void {
    const wire = this.wireOf(socket);
    wire.writable = count;
    if (this.isOpen) super.drained(socket, Math.max(0, count - RECORD_BYTES));
    else this.shakeHands(wire);
  }

  protected override readable(socket: TCP, count: number): void {
    const wire = this.wireOf(socket);
    wire.readable = count;
    if (!this.isOpen) this.shakeHands(wire);
    while (this.isOpen && this.wire === wire && wire.readable > 0) {
      const data = this.take(wire);
      if (data === undefined) return;
      if (this.events !== null) this.events.received(data, 0, data.length);
      data.fill(0);
    }
  }

  protected override send(socket: TCP, bytes: Uint8Array): void {
    const wire = this.wireOf(socket);
    if (this.session === null) return;
    this.session.write(wire, bytes);
    this.room = Math.max(0, wire.writable - RECORD_BYTES);
  }

  private wireOf(socket: TCP): Wire {
    if (this.wire === null) this.wire = new Wire(socket);
    return this.wire;
  }

  private shakeHands(wire: Wire): void {
    const session = this.session;
    if (session === null) return;
    try {
      let isOver = session.proceed(wire);
      while (!isOver && (session.isDue || wire.readable > 0)) isOver = session.proceed(wire);
      if (!isOver) return;
    } catch {
      this.fail(session.failure(wire.isGone));
      return;
    }
    this.room = Math.max(0, wire.writable - RECORD_BYTES);
    this.opened();
  }

  /** What the next record brings; undefined: it is not there yet, or the connection is over. */
  private take(wire: Wire): Uint8Array | undefined {
    const session = this.session;
    if (session === null) return undefined;
    try {
      const data = session.read(wire);
      if (data !== null) return data;
      this.fail(Status.CONNECTION_LOST);
    } catch {
      this.fail(session.alert === undefined ? Status.TLS_FAILED : Status.CONNECTION_LOST);
    }
    return undefined;
  }

  /** OK when one of the anchors is valid now. */
  private checkDates(): Status {
    let status = Status.OK;
    for (const anchor of this.anchors) {
      status = checkDates(anchor, Date.now());
      if (status === Status.OK) break;
    }
    return status;
  }
}
