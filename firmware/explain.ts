import type { Auth } from "./auth.js";
import type { Config } from "./config.js";
import { LinkSecurity } from "./ports.js";
import { nameOf, sentenceOf } from "./sentences.js";
import { Status } from "./status.js";

/** What happened last, for people: names and numbers, never a secret. */
export interface Explanation {
  /** Name and number of the status that keeps the client from its work; OK when nothing does. */
  readonly status: Status;
  readonly name: string;
  /** What happened and what to do next. */
  readonly sentence: string;
  /** Where the cloud is reached, or was tried last: `host:port`. */
  readonly cloud: string;
  /** The code of the cloud's latest error; 0 when there was none. */
  readonly code: number;
  /** The reason code with which the broker refused something last (CONNACK, SUBACK, DISCONNECT); 0: it did not. */
  readonly peerCode: number;
  /** Its own words for that, as far as they are kept; characters but printable ASCII as `?`. */
  readonly peerReason: string;
  /** Why the latest frame that was no answer was dropped; OK when none was. */
  readonly lastRefusal: Status;
  /** The cloud's clock by its Hello, unix seconds: a hint; −1 before it. */
  readonly cloudTimeS: number;
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

const exposureOf = (config: Config): string => {
  if (config.link >= LinkSecurity.VERIFIED_TLS)
    return "The link verifies the cloud and hides what is said: nobody on the way learns a token.";
  return config.isExposed
    ? "The link does not verify the cloud: whoever reads it has the device's key and its tokens. allowInsecure was set to accept that."
    : "The link does not verify the cloud: whoever reads it sees the tokens, but not the key.";
};

/**
 * @allocates texts, because a person asked
 */
export const explain = (auth: Auth, config: Config): Explanation => {
  const session = auth.session;
  const hosts = auth.tokens.hosts.list;
  const address = config.addresses.present();
  let status = session.status;
  for (let i = 0; i < hosts.length && status === Status.OK; i++) status = hosts[i].status;
  if (status === Status.OK && auth.tokens.isForgetful()) status = Status.STORE_FAILED;
  return {
    status,
    name: nameOf(status),
    sentence: sentenceOf(status),
    cloud: `${address.host}:${address.port}`,
    code: auth.lastCode,
    peerCode: session.channel.reasonCode,
    peerReason: printable(session.channel.reason, session.channel.reasonLength),
    lastRefusal: session.inbox.lastRefusal,
    cloudTimeS: session.answers.cloudTimeS,
    exposure: exposureOf(config),
  };
};
