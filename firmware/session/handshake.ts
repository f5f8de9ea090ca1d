import { type Config, ConnectProof } from "../config.js";
import { COUNTER_PASSWORD_BYTES_MAX, counterKey, writeCounterPassword } from "../proof/counter.js";
import type { Scratch } from "../proof/scratch.js";
import {
  type ConnectFields,
  connectLength,
  subscribeLength,
  writeConnect,
  writeSubscribe,
} from "../wire/mqtt.js";
import type { Outbox } from "./outbox.js";

/** What a connection begins with: CONNECT with the connection's proof, and the one SUBSCRIBE. */
export class Handshake {
  private readonly config: Config;
  private readonly scratch: Scratch;
  private readonly fields: ConnectFields;

  constructor(config: Config, scratch: Scratch) {
    const proof = config.connectProof;
    this.config = config;
    this.scratch = scratch;
    this.fields = {
      clientId: config.deviceId,
      userName: proof === ConnectProof.NONE ? null : config.deviceId,
      password: null,
      passwordLength: 0,
      keepAliveSeconds: config.limits.keepAliveS,
      cleanSession: config.cleanSession,
    };
    if (proof === ConnectProof.PASSWORD) {
      this.fields.password = config.psk;
      this.fields.passwordLength = config.psk.length;
    } else if (proof === ConnectProof.COUNTER) {
      this.fields.password = new Uint8Array(COUNTER_PASSWORD_BYTES_MAX);
      this.fields.passwordLength = COUNTER_PASSWORD_BYTES_MAX;
    }
    const bytes = connectLength(this.fields) + subscribeLength(config.filter.length);
    if (bytes > config.limits.sendBytes) {
      throw new Error(
        `motekey: limits.sendBytes must be at least ${bytes} for CONNECT and SUBSCRIBE of this device`,
      );
    }
  }

  /** Takes a counter where the proof needs one; it was reserved before. The outbox is empty: there is room. */
  connect(outbox: Outbox): void {
    const config = this.config;
    const fields = this.fields;
    const hash = this.scratch.hash;
    const key = this.scratch.key;
    if (config.connectProof === ConnectProof.COUNTER && fields.password !== null) {
      counterKey(hash, key, config.psk, 0, config.psk.length);
      fields.passwordLength = writeCounterPassword(
        fields.password,
        0,
        hash,
        key,
        config.deviceId,
        config.counterBlock.next(),
      );
      key.wipe();
    }
    outbox.to = writeConnect(outbox.bytes, outbox.to, fields);
  }

  subscribe(outbox: Outbox, packetIdentifier: number): void {
    outbox.to = writeSubscribe(outbox.bytes, outbox.to, packetIdentifier, this.config.filter, 1);
  }

  wipe(): void {
    if (this.fields.password !== null) this.fields.password.fill(0);
  }
}
