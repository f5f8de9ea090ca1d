import type { Config } from "./config.js";
import type { AuthClient } from "./index.js";
import { LinkSecurity } from "./ports.js";
import { Strength } from "./proof/proof.js";
import type { Proof } from "./proof/proofs.js";
import { nameOf, sentenceOf } from "./sentences.js";
import { Status } from "./status.js";
import type { Keeper } from "./store/keeper.js";
import { Party } from "./wire/frame/addressing.js";
import type { FrameReader } from "./wire/frame/frame.js";

export { sentenceOf };

/** Servers reject clocks that are further off (RFC 4120, 8.2). */
const CLOCK_WRONG_S = 300;
/** 2025: no clock that was ever set is before this source. */
const CLOCK_UNSET_S = 1_735_689_600;

/** What happened last, for people: names and numbers, never a secret. */
export interface Explanation {
  /** Name and number of the status that says what is wrong; OK when nothing is. */
  readonly status: Status;
  readonly name: string;
  /** What happened and what to do next. */
  readonly sentence: string;
  /**
   * Transport, link and proof, such as `mqtt`, `PLAIN` and `counter+mac`. With the transport `mqtt5` it is `mqtt`
   * while the connection speaks 3.1.1.
   */
  readonly transport: string;
  readonly link: string;
  readonly proof: Proof;
  /** Where that happened, `host:port`; with OK the cloud's present address. */
  readonly cloud: string;
  /** The cloud's error code that ended the call `status` is about; 0: there was none. */
  readonly code: number;
  /**
   * The reason code that the peer gave for `status` (CONNACK, SUBACK, PUBACK, DISCONNECT; HTTP, Close); 0: it gave none,
   * or refused something else since.
   */
  readonly peerCode: number;
  /**
   * The peer's text for it, the first 64 bytes: the Server Reference, else the Reason String (MQTT 5), or the reason of
   * a Close. Characters but printable ASCII are `?`.
   */
  readonly peerReason: string;
  /** Why the latest frame was dropped, whoever sent it: it does not explain `status`. OK when none was. */
  readonly lastRefusal: Status;
  /** The cloud's clock by its Hello, unix seconds: a hint; −1 before it. */
  readonly cloudTimeS: number;
  /** How far the given clock is ahead of the cloud's, s; 0 where either is unknown. */
  readonly clockAheadS: number;
  /** Connections that became ready so far, and how many of them were lost. */
  readonly connects: number;
  readonly losses: number;
  /** How long the peer has been silent, ms; −1: it never sent anything. */
  readonly silentMs: number;
  /** Tokens come sealed on this connection: whoever reads it, the broker too, learns none. */
  readonly sealed: boolean;
  /** What a reader of the link to the cloud learns. */
  readonly exposure: string;
  /** How the device's records are protected: `sealed`, `obfuscated`, or `unsealed`; `none` where it keeps nothing. */
  readonly atRest: string;
}

/** A peer's words are shown to people: nothing in them may move a cursor. @allocates a text */
const printable = (bytes: Uint8Array, length: number): string => {
  let text = "";
  for (let i = 0; i < length; i++) {
    const isPrintable = bytes[i] >= 0x20 && bytes[i] < 0x7f;
    text += isPrintable ? String.fromCharCode(bytes[i]) : "?";
  }
  return text;
};

const UNVERIFIED = "The link does not verify the cloud: whoever reads it";
const ACCEPTED = ". allowInsecure was set to accept that.";

/** @allocates a text, because a person asked */
const exposureOf = (config: Config, areSealed: boolean): string => {
  if (config.link >= LinkSecurity.VERIFIED_TLS)
    return "The link verifies the cloud and hides what is said: nobody on the way learns a token.";
  if (config.isExposed) return `${UNVERIFIED} has the device's key and its tokens${ACCEPTED}`;
  if (areSealed || config.needsSeal)
    return `${UNVERIFIED} sees neither key nor tokens, which come sealed; a key that leaks later opens recordings.`;
  return `${UNVERIFIED} sees the tokens, but not the key${
    config.proof.frame.strength === Strength.NONE ? `; a relay can speak for the device${ACCEPTED}` : "."
  }`;
};

/** `mqtt5` without its 5, in a WebSocket or not. @allocates a text */
const olderOf = (transport: string): string => {
  const parts = transport.split("5");
  return parts[0] + parts[1];
};

/** The two names that differ; the answer's as long as its frame was the last that was read. @allocates a text, because a person asked */
const addressesOf = (frame: FrameReader, config: Config): string => {
  const length = Math.min(frame.srcLength, config.limits.idBytes);
  const ours = ` cloud.address is ${printable(config.cloud, config.cloud.length)}`;
  return frame.src === Party.OTHER
    ? `${ours}, their src ${printable(frame.addressing, length)}.`
    : `${ours}.`;
};

const sealingOf = (keeper: Keeper | null): string => {
  if (keeper === null) return "none";
  const sealing = keeper.store.sealing;
  return sealing === undefined ? "unsealed" : sealing;
};

/** Whether a wrong clock is the reason. */
const isOfClock = (status: Status): boolean =>
  status === Status.OK ||
  status === Status.REJECTED ||
  status === Status.TLS_EXPIRED ||
  status === Status.TLS_NOT_YET_VALID ||
  status === Status.TLS_CRL;

/**
 * What is wrong with a client, for people. It is a separate module, so that an app that does not import it does not
 * carry its sentences.
 * @param wallTimeS the device's wall clock, unix seconds, where it has one, to compare with the cloud's
 * @allocates texts, because a person asked
 */
export const explain = (client: AuthClient, wallTimeS?: number): Explanation => {
  const auth = client.driver.auth;
  const config = client.config;
  const transport = client.transport.name;
  const nowMs = client.driver.nowMs();
  const session = auth.session;
  const answers = session.responses;
  const counters = auth.counters;
  const words = session.failures.words;
  const failure = auth.failure();
  const isSaid = failure.said > 0 && failure.said === words.serial;
  const heardAtMs = session.keepAlive.heardAtMs;
  const cloudNowS = answers.cloudTimeS + (nowMs - answers.cloudTimeAtMs) / 1000;
  const isCompared = wallTimeS !== undefined && answers.cloudTimeS >= 0;
  const clockAheadS = isCompared ? Math.floor(wallTimeS - cloudNowS + 0.5) : 0;
  const isUnset = wallTimeS !== undefined && wallTimeS < CLOCK_UNSET_S;
  const isClockWrong = isUnset || Math.max(clockAheadS, -clockAheadS) > CLOCK_WRONG_S;
  const addresses = config.addresses;
  const address = addresses.list[failure.status === Status.OK ? addresses.index : failure.place];
  let status = failure.status;
  if (status === Status.OK && auth.tokens.isForgetful) status = Status.STORE_FAILED;
  if (isClockWrong && isOfClock(status)) status = Status.CLOCK_WRONG;
  return {
    status,
    name: nameOf(status),
    sentence:
      sentenceOf(status) + (status === Status.FOREIGN_ANSWER ? addressesOf(session.frame, config) : ""),
    transport: session.channel.terms.isOld ? olderOf(transport) : transport,
    link: LinkSecurity[config.link],
    proof: config.proof.name,
    cloud: `${address.host}:${address.port}`,
    code: failure.code,
    peerCode: isSaid ? words.code : 0,
    peerReason: printable(words.bytes, isSaid ? words.length : 0),
    lastRefusal: session.inbox.lastRefusal,
    cloudTimeS: answers.cloudTimeS,
    clockAheadS,
    connects: counters.connects,
    losses: counters.losses,
    silentMs: heardAtMs < 0 ? -1 : Math.floor(nowMs - heardAtMs),
    sealed: answers.areSealed,
    exposure: exposureOf(config, answers.areSealed),
    atRest: sealingOf(config.keeper),
  };
};
