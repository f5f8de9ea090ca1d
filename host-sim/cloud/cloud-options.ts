import type { FaultOptions } from "./faults.js";
import type { IdentityOptions } from "./identity/index.js";
import type { CloudTime } from "./time.js";
import type {
  BrokerTls,
  CloudEvent,
  CloudTlsOptions,
  CommandPolicy,
  Extensions,
  HookOptions,
  TokenOptions,
} from "./types.js";

/** Options of `startCloud`. All have defaults. */
export interface CloudOptions {
  /** MQTT port of the embedded broker, 0: any free one. */
  port?: number;
  /** Address to listen on. Default 127.0.0.1: this is no production server. */
  host?: string;
  /** HTTP port (JWKS, frames by POST, WebSockets), 0: any free one. */
  httpPort?: number;
  /** All ports speak TLS; true: with a certificate made at the start. */
  tls?: boolean | CloudTlsOptions;
  /**
   * `mqtt://user:password@host:port` (or `mqtts:`): attach to this broker as a client instead of embedding one. What
   * user and password have of `:/?#[]@%` is percent-encoded.
   */
  broker?: string;
  /** Attached by `mqtts:` only: the trust anchors, and the cloud's own certificate and key. PEM. */
  brokerTls?: BrokerTls;
  /**
   * Attached only: the broker binds `cloud/from/<id>/#` to the user `<id>` (ACLs) on each of its ports and protocols, and
   * lets devices in by links alone that they verify. Then frames need no proof of their own. Retained
   * ones are dropped with or without it. Default false.
   */
  topicsBound?: boolean;
  /**
   * Other brokers may ask, RabbitMQ and EMQX, so that devices log in there by `counter`, or `password`, and ask for their
   * counter. On another address than a loopback one it needs a secret or a certificate. Default false.
   */
  hook?: boolean | HookOptions;
  /** `src` of replies. */
  address?: string;
  tokens?: TokenOptions;
  /**
   * Devices, users, backends and their counters are kept in this JSON file (mode 0600), locked against other processes.
   * An accepted counter is on the disk (in `<file>.journal`) before its connection, or its session, is answered.
   */
  registryFile?: string;
  /**
   * The file was put back from a backup: all counters are raised by 2^32, so that nothing that was accepted since can
   * be played back. Devices come back by asking for their counter. For the first start after a restore only.
   */
  restored?: boolean;
  /** Clients without a password may connect, as unproven. Default true. */
  anonymous?: boolean;
  /** The highest version of MQTT that the embedded broker speaks; 4 stands for 3.1.1. Default 5. */
  mqttVersion?: 4 | 5;
  /**
   * A connection is closed that has sent no CONNECT, no whole HTTP request, no handshake of TLS or WebSocket, or (where
   * it named nobody in that) no frame by then. Default 10,000.
   */
  connectLimitMs?: number;
  /**
   * Whether every frame needs a proof of its own: `mac`, `digest` or `key`. Absent: wherever the connection was not
   * proved by a certificate, TLS-PSK or `password`. A `counter` or `auth5` is good for whoever relays it, and the
   * cloud does not see whether the device verified it. true: everywhere. false: nowhere that the connection was proved;
   * only where every device verifies the cloud.
   */
  requireFrameProof?: boolean;
  /** Life of a digest nonce. Default 60 s. */
  nonceLifetimeSeconds?: number;
  policy?: CommandPolicy;
  /** Starts an identity provider for operators beside it, on a port of its own. Default false. */
  identity?: boolean | IdentityOptions;
  extensions?: boolean | Partial<Extensions>;
  faults?: FaultOptions;
  /** `virtualTime()`: time that goes on by its `advance` only, for this cloud and its devices. In place of `now`. */
  time?: CloudTime;
  /** Wall clock in ms, for tests. */
  now?: () => number;
  log?: (event: CloudEvent) => void;
}
