import type { Config } from "../config.js";
import { bytesOf, copyBytes, NO_BYTES, sameBytes } from "../wire/bytes.js";
import type { MqttReader } from "../wire/mqtt/reader.js";

const SLASH = 0x2f;
const HYPHEN = bytesOf("-");

/** @construction */
const joined = (head: Uint8Array, length: number, tail: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(length + tail.length);
  copyBytes(bytes, 0, head, 0, length);
  bytes.set(tail, length);
  return bytes;
};

/** The topics of a device's frames, as they are and with `-cbor` behind them (B5). */
export class OwnTopics {
  /** `<id>/rpc/#`, which also covers `<id>/rpc`. */
  readonly filter: Uint8Array;
  readonly request: Uint8Array;
  /** Behind each topic of frames in the app's encoding; nothing where there is none. */
  readonly suffix: Uint8Array;
  readonly encodedFilter: Uint8Array;
  readonly encodedRequest: Uint8Array;
  /** `<id>/rpc`, in the first bytes of the filter. */
  private readonly length: number;

  constructor(config: Config, encoding: string | null) {
    this.filter = config.filter;
    this.request = config.requestTopic;
    this.length = config.filter.length - 2;
    this.suffix = encoding === null ? NO_BYTES : joined(HYPHEN, 1, bytesOf(encoding));
    this.encodedFilter = encoding === null ? NO_BYTES : joined(config.filter, this.length, this.suffix);
    this.encodedRequest =
      encoding === null ? NO_BYTES : joined(config.requestTopic, config.requestTopic.length, this.suffix);
  }

  /** Bytes of a topic that identify it. */
  bytes(): number {
    return this.length + this.suffix.length + 1;
  }

  /** A frame for us. */
  isOurs(mqtt: MqttReader): boolean {
    const length = this.length;
    return (
      sameBytes(this.filter, 0, mqtt.topic, 0, length) &&
      (mqtt.topicLength === length || (mqtt.topicLength > length && mqtt.topic[length] === SLASH))
    );
  }

  /** Of a topic that is ours: it names a method behind `<id>/rpc/`. */
  isRequest(mqtt: MqttReader): boolean {
    return mqtt.topicLength > this.length + 1;
  }

  /** A frame for us in the app's encoding. */
  isEncoded(mqtt: MqttReader): boolean {
    const encoded = this.encodedFilter;
    return mqtt.topicLength === encoded.length && sameBytes(encoded, 0, mqtt.topic, 0, encoded.length);
  }
}
