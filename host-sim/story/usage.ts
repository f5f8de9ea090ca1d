import { parseArgs } from "node:util";
import { PROOFS, type Proof } from "../../firmware/index.js";
import {
  checkOptions,
  either,
  FLAG,
  NAME,
  NOTHING,
  nearestFirst,
  needed,
  oneOf,
  type Shape,
  whole,
} from "../cloud/options.js";
import { TRANSPORTS, type TransportName } from "../transports.js";

/** What a broker without TLS can be shown. */
const PLAIN = PROOFS.filter((proof) => !/^(link|auth5)/.test(proof));

/** The most devices that one process connects: local ports to one broker end at about 28,000. */
const DEVICES_MAX = 20_000;

/** What the command line asked for. */
export interface StoryOptions {
  /** null: the story of one device; else so many devices are measured. */
  devices: number | null;
  /** `mqtt://user:password@host:port` of an external broker; null: the cloud brings its own. */
  broker: string | null;
  id: string;
  /** null: the cloud makes one. */
  psk: string | null;
  proof: Proof;
  transport: TransportName;
  allowInsecure: boolean;
  json: boolean;
}

/** The names and values of a story. */
const STORY: Shape<StoryOptions> = {
  devices: needed(either(whole(1, DEVICES_MAX), NOTHING)),
  broker: needed(either(NAME, NOTHING)),
  id: needed(NAME),
  psk: needed(either(NAME, NOTHING)),
  proof: needed(oneOf(...PLAIN)),
  transport: needed(oneOf(...TRANSPORTS)),
  allowInsecure: needed(FLAG),
  json: needed(FLAG),
};

/**
 * Checks what a story is made of, whoever made it.
 * @throws Error that names the first option which cannot be right, what it is, and what is allowed
 */
export function checkStory(options: StoryOptions): void {
  checkOptions("", options, STORY);
}

/** A command line that cannot be understood. */
export class UsageError extends Error {}

/** For `--help`. */
export const HELP = `npm start: a mock cloud and the firmware in Node, from first connection to revoked token

  npm start                                   one device, its story line by line, about 5 s
  npm start -- --json                         the same as NDJSON, the last line {"event":"done",…}
  npm start -- --devices 500                  500 real connections from one process, measured
  npm start -- --cloud mqtt://me:pw@host      attach the cloud to that broker, as its user me
  npm start -- --cloud mqtt://me:pw@host --id device_1 --proof password+mac --allow-insecure
                                              … which knows device_1 by its password, in MOTEKEY_PSK

  --cloud URL       an MQTT 3.1.1 broker, mqtt://user:password@host:port, with what the password has of
                    :/?#[]@% percent-encoded; its user must be allowed to read cloud/from/+/rpc and to
                    write +/rpc and cloud/from/<user>/rpc
  --id ID           the device's id (device_1)
  --proof PROOF     how the device proves who it is: counter+mac (mac with --cloud), or one of
                    ${PLAIN.slice(1, 5).join(", ")},
                    ${PLAIN.slice(5).join(", ")}
  --transport NAME  how its frames travel: ${TRANSPORTS.join(", ")};
                    the last three need the cloud's own broker
  --allow-insecure  lets password, key and counter alone go over a link that does not verify the server
  --devices N       so many devices, 1 to ${DEVICES_MAX}
  --json            events as JSON, one a line
  --help            this

  MOTEKEY_PSK       the device's key, where it must be a certain one
  Exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted
`;

/**
 * Reads the command line; null where it asks for help.
 * @throws UsageError with one line that says what is wrong
 */
export function parseUsage(words: readonly string[], environment: NodeJS.ProcessEnv): StoryOptions | null {
  const values = parse(words);
  if (values.help === true) return null;
  const devices = values.devices === undefined ? null : Number(values.devices);
  if (devices !== null && !(Number.isInteger(devices) && devices >= 1 && devices <= DEVICES_MAX)) {
    throw new UsageError(`--devices must be a whole number from 1 to ${DEVICES_MAX}`);
  }
  if (devices !== null && values.id !== undefined)
    throw new UsageError("--id is of one device, not of a fleet");
  const broker = values.cloud ?? null;
  if (broker !== null && !(URL.canParse(broker) && new URL(broker).protocol === "mqtt:")) {
    throw new UsageError("--cloud must be mqtt://user:password@host:port");
  }
  const word = values.proof ?? (broker === null ? "counter+mac" : "mac");
  const proof = PLAIN.find((known) => known === word);
  if (proof === undefined)
    throw new UsageError(`--proof must be one of ${nearestFirst(PLAIN, word).join(", ")}`);
  const allowInsecure = values["allow-insecure"] ?? false;
  const isBearer = /password|key/.test(proof);
  if ((isBearer || proof === "counter") && !allowInsecure) {
    const given = isBearer ? "the key to anyone who reads" : "all but the connection to anyone who relays";
    throw new UsageError(`--proof ${proof} gives ${given} the link; --allow-insecure accepts that`);
  }
  const json = values.json ?? false;
  const psk = environment.MOTEKEY_PSK ?? null;
  if (psk === "") throw new UsageError("MOTEKEY_PSK is empty; set it to the device's key, or unset it");
  if (values.id === "") throw new UsageError("--id is empty");
  return {
    devices,
    broker,
    id: values.id ?? "device_1",
    psk,
    proof,
    transport: transportOf(values.transport, broker, devices),
    allowInsecure,
    json,
  };
}

function transportOf(word = "mqtt", broker: string | null, devices: number | null): TransportName {
  const transport = TRANSPORTS.find((known) => known === word);
  if (transport === undefined)
    throw new UsageError(`--transport must be one of ${nearestFirst(TRANSPORTS, word).join(", ")}`);
  if (devices !== null && transport !== "mqtt")
    throw new UsageError("--transport is of one device: a fleet speaks mqtt");
  if (broker !== null && transport.endsWith("+ws"))
    throw new UsageError(`--transport ${transport} needs the cloud's own broker; leave --cloud out`);
  return transport;
}

const WORDS = {
  "allow-insecure": { type: "boolean" },
  cloud: { type: "string" },
  devices: { type: "string" },
  help: { type: "boolean", short: "h" },
  id: { type: "string" },
  json: { type: "boolean" },
  proof: { type: "string" },
  transport: { type: "string" },
} as const;

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: WORDS,
    }).values;
  } catch (failure) {
    // Node's sentence; what follows it is about positional arguments, of which there are none.
    const sentence = String((failure as Error).message).split(/\. |\n/, 1)[0] ?? "";
    const unknown = /^Unknown option '-+(.*)'$/.exec(sentence)?.[1];
    const known = nearestFirst(Object.keys(WORDS), unknown ?? "").map((name) => `--${name}`);
    throw new UsageError(unknown === undefined ? sentence : `${sentence}; there are ${known.join(", ")}`);
  }
}
