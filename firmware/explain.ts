import type { Auth } from "./auth.js";
import type { Config } from "./config.js";
import { FrameProof, type Proof } from "./policy.js";
import { LinkSecurity } from "./ports.js";
import { nameOf, sentenceOf } from "./sentences.js";
import { Status } from "./status.js";
import { Rejection } from "./tokens/host.js";

/** Beyond this servers stop to believe a clock (RFC 4120, 8.2). */
const CLOCK_WRONG_S = 300;
/** 2025: no clock that was ever set is before this source. */
const CLOCK_UNSET_S = 1_735_689_600;
/** The reason codes that refuse (MQTT 5, 2.4); those of HTTP and WebSocket are higher. */
const REFUSALS_FROM = 0x80;
const REFUSALS_TO = 0xff;

/** What happened last, for people: names and numbers, never a secret. */
export interface Explanation {
  /** Name and number of the status that keeps the client from its work; OK when nothing does. */
  readonly status: Status;
  readonly name: string;
  /** What happened and what to do next. */
  readonly sentence: string;
  /**
   * By what, over what and how proved: such as `mqtt`, `PLAIN` and `counter+mac`. With the transport `mqtt5` it is `mqtt`
   * while the broker is spoken to in 3.1.1.
   */
  readonly transport: string;
  readonly link: string;
  readonly proof: Proof;
  /** Where the cloud is reached, or was tried last: `host:port`. */
  readonly cloud: string;
  /** The code of the cloud's latest error; 0 when there was none. */
  readonly code: number;
  /** The reason code with which the peer refused something last (CONNACK, SUBACK, PUBACK, DISCONNECT; HTTP, Close); 0: it did not. */
  readonly peerCode: number;
  /** Its own words for that, as far as they are kept; characters but printable ASCII as `?`. */
  readonly peerReason: string;
  /** Why the latest frame that was no answer was dropped; OK when none was. */
  readonly lastRefusal: Status;
  /** The cloud's clock by its Hello, unix seconds: a hint; −1 before it. */
  readonly cloudTimeS: number;
  /** How far the clock that was handed in is ahead of the cloud's, s; 0 where either is not known. */
  readonly clockAheadS: number;
  /** Connections that were ready so far, and those of them that were lost. */
  readonly connects: number;
  readonly losses: number;
  /** For how long the peer was not heard, ms; −1: it never was. */
  readonly silentMs: number;
  /** What everybody learns who can read the link to the cloud. */
  readonly exposure: string;
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
const exposureOf = (config: Config): string => {
  if (config.link >= LinkSecurity.VERIFIED_TLS)
    return "The link verifies the cloud and hides what is said: nobody on the way learns a token.";
  if (config.isExposed) return `${UNVERIFIED} has the device's key and its tokens${ACCEPTED}`;
  if (config.frameProof === FrameProof.NONE)
    return `${UNVERIFIED} sees the tokens, and a relay can speak for the device${ACCEPTED}`;
  return `${UNVERIFIED} sees the tokens, but not the key.`;
};

/** `mqtt5` without its 5, in a WebSocket or not. @allocates a text */
const olderOf = (transport: string): string => {
  const parts = transport.split("5");
  return parts[0] + parts[1];
};

/** What the facts beside a status make of it: a refusal that came just before a timeout is why. */
const diagnose = (status: Status, auth: Auth, isClockWrong: boolean): Status => {
  const inbox = auth.session.inbox;
  const reasonCode = auth.session.channel.reasonCode;
  switch (status) {
    case Status.TIMEOUT:
      if (reasonCode >= REFUSALS_FROM && reasonCode <= REFUSALS_TO) return Status.PUBLISH_REFUSED;
      // A doubled answer is dropped as well, and tells nothing.
      if (inbox.isFrame || inbox.lastRefusal === Status.MAC_REPLAYED) return status;
      return inbox.lastRefusal === Status.OK ? status : inbox.lastRefusal;
    case Status.OK:
    case Status.REJECTED:
    case Status.TLS_EXPIRED:
    case Status.TLS_NOT_YET_VALID:
    case Status.TLS_CRL:
      return isClockWrong ? Status.CLOCK_WRONG : status;
    default:
      return status;
  }
};

/**
 * @param wallTimeS the device's wall clock, unix seconds, where it has one
 * @allocates texts, because a person asked
 */
export const explain = (
  auth: Auth,
  config: Config,
  transport: string,
  nowMs: number,
  wallTimeS: number | undefined,
): Explanation => {
  const session = auth.session;
  const answers = session.answers;
  const counters = auth.counters;
  const hosts = auth.tokens.hosts.list;
  const address = config.addresses.present();
  const heardAtMs = session.keepAlive.heardAtMs;
  const cloudNowS = answers.cloudTimeS + (nowMs - answers.cloudTimeAtMs) / 1000;
  const isCompared = wallTimeS !== undefined && answers.cloudTimeS >= 0;
  const clockAheadS = isCompared ? Math.floor(wallTimeS - cloudNowS + 0.5) : 0;
  const isUnset = wallTimeS !== undefined && wallTimeS < CLOCK_UNSET_S;
  let status = session.status;
  for (let i = 0; i < hosts.length && status === Status.OK; i++) {
    status = hosts[i].rejection === Rejection.REPORTED ? Status.REJECTED : hosts[i].status;
  }
  if (status === Status.OK && auth.tokens.isForgetful) status = Status.STORE_FAILED;
  status = diagnose(status, auth, isUnset || Math.max(clockAheadS, -clockAheadS) > CLOCK_WRONG_S);
  return {
    status,
    name: nameOf(status),
    sentence: sentenceOf(status),
    transport: session.channel.terms.isOld ? olderOf(transport) : transport,
    link: LinkSecurity[config.link],
    proof: config.proof,
    cloud: `${address.host}:${address.port}`,
    code: auth.lastCode,
    peerCode: session.channel.reasonCode,
    peerReason: printable(session.channel.reason, session.channel.reasonLength),
    lastRefusal: session.inbox.lastRefusal,
    cloudTimeS: answers.cloudTimeS,
    clockAheadS,
    connects: counters.connects,
    losses: counters.losses,
    silentMs: heardAtMs < 0 ? -1 : Math.floor(nowMs - heardAtMs),
    exposure: exposureOf(config),
  };
};
