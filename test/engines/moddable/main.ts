/**
 * The engine suite and a client as an app on Moddable, for `moddable.test.ts`. Each message is a command as JSON,
 * and so is what it gives back.
 */
import { moddablePorts } from "../../../firmware/adapters/moddable/index.js";
import {
  type AuthClient,
  type AuthOptions,
  createAuth,
  type Host,
  type Status,
  type Token,
} from "../../../firmware/index.js";
import { cases, readJson } from "../suite.js";

/** What the desktop's stand-in for a screen offers: messages to and from the process that plays the app. */
declare const screen: { postMessage(text: string): void; onMessage(text: string): void };

/** What the test asks of the app. */
type Command =
  | { do: "case"; index: number }
  | { do: "json"; hex: string; size: number }
  | { do: "start"; options: AuthOptions; host: string }
  | { do: "get" | "generate" | "list" | "close" };

/** Begins each line that is an answer; all else is the engine's talk. */
const MARKER = "=";

let auth: AuthClient;
let host: Host;

const answer = (value: unknown): void => screen.postMessage(MARKER + JSON.stringify(value));

const onToken = (status: Status, token: Token | null): void => {
  const text = token === null ? "" : String.fromArrayBuffer(token.bytes.slice(0, token.length).buffer);
  answer({ status, token: text });
};

/** Who is refused at once is told so in the same way. */
const asked = (status: Status): void => {
  if (status !== 0) onToken(status, null);
};

/** How many hosts the cloud told, and their names' bytes in one number that minds their order. */
const list = (): void => {
  let hosts = 0;
  let sum = 0;
  const onHost = (bytes: Uint8Array, from: number, to: number): void => {
    hosts++;
    for (let i = from; i < to; i++) sum = (sum * 31 + (bytes[i] ?? 0)) % 4_294_967_291;
  };
  auth.listTokens(onHost, (status) => answer({ status, hosts, sum }));
};

const start = (options: AuthOptions, name: string): string => {
  auth = createAuth(options, moddablePorts());
  host = auth.host(name);
  return "started";
};

const close = (): number => {
  auth.close();
  return auth.state;
};

screen.onMessage = (text) => {
  const command: Command = JSON.parse(text);
  if (command.do === "case") answer(cases[command.index]?.run());
  else if (command.do === "json") answer(readJson(command.hex, command.size));
  else if (command.do === "start") answer(start(command.options, command.host));
  else if (command.do === "get") asked(host.getToken(onToken));
  else if (command.do === "generate") asked(host.generateToken(onToken));
  else if (command.do === "list") list();
  else answer(close());
};
