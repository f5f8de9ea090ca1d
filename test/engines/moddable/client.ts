/** A client that a test drives from outside: each message of the test is a command as JSON, and so is each answer. */
import {
  type AuthClient,
  type AuthOptions,
  createAuth,
  type Host,
  type Ports,
  type Status,
  type Token,
} from "motekey";
import { explain } from "motekey/explain";

/** What the desktop's stand-in for a screen offers: messages to and from the process that plays the app. */
declare const screen: { postMessage(text: string): void; onMessage(text: string): void };

/** What the test asks of the client. */
export type ClientCommand =
  | { do: "start"; options: AuthOptions; host: string }
  | { do: "get" | "generate" | "list" | "explain" | "close" };

/** Begins each line that is an answer; all else is the engine's talk. */
const MARKER = "=";

let auth: AuthClient;
let host: Host;

export const answer = (value: unknown): void => screen.postMessage(MARKER + JSON.stringify(value));

/** Has `onCommand` called with what the test sends. */
export const listen = <Command>(onCommand: (command: Command) => void): void => {
  screen.onMessage = (text) => onCommand(JSON.parse(text));
};

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

const start = (options: AuthOptions, name: string, ports: Ports): string => {
  auth = createAuth(options, ports);
  host = auth.host(name);
  return "started";
};

const close = (): number => {
  auth.close();
  return auth.state;
};

/** Does what a command says, with a client over these ports. */
export const obey = (command: ClientCommand, makePorts: () => Ports): void => {
  if (command.do === "start") answer(start(command.options, command.host, makePorts()));
  else if (command.do === "get") asked(host.getToken(onToken));
  else if (command.do === "generate") asked(host.generateToken(onToken));
  else if (command.do === "list") list();
  else if (command.do === "explain") answer(explain(auth));
  else answer(close());
};
