/** How large the firmware's classes and functions may be, and those that are larger, each with its reason. */
import ts from "typescript";
import { isFirmware } from "./repository.js";
import { lineOf, type Rule, type SourceText, walk } from "./rule.js";

/** What is larger than its limit: `file name` → its size, which may only shrink, and why it is one thing. */
type Exceptions = Readonly<Record<string, readonly [size: number, reason: string]>>;

interface Limit {
  readonly rule: string;
  readonly why: string;
  readonly most: number;
  readonly exceptions: Exceptions;
  /** What counts of a node; undefined: it is none of that kind. */
  sizeOf(node: ts.Node): number | undefined;
}

/** All but Espruino's core, which is written for an engine on which a function takes five variables: its functions are few and large. */
export const isLimited = (path: string): boolean =>
  isFirmware(path) && !path.startsWith("firmware/espruino/");

const linesOf = (node: ts.Node): number => {
  const source = node.getSourceFile();
  const end = source.getLineAndCharacterOfPosition(node.end).line;
  return end - source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
};

const membersOf = (node: ts.Node, counts: (member: ts.ClassElement) => boolean): number | undefined =>
  ts.isClassLike(node) ? node.members.filter(counts).length : undefined;

/** What C or another file has, a type says here. */
const hasBody = (node: ts.Node): node is ts.FunctionLikeDeclaration =>
  ts.isFunctionLike(node) && (node as ts.FunctionLikeDeclaration).body !== undefined;

/** A node's name, behind its class's: `Session.poll`. */
function nameOf(node: ts.Node): string {
  if (ts.isConstructorDeclaration(node)) return `${nameOf(node.parent)}.constructor`;
  const named = ts.isArrowFunction(node) || ts.isFunctionExpression(node) ? node.parent : node;
  const name = (named as { name?: ts.Node }).name?.getText() ?? "?";
  return ts.isClassElement(named) ? `${nameOf(named.parent)}.${name}` : name;
}

export const LIMITS: readonly Limit[] = [
  {
    rule: "class-fields",
    why: "what has so many fields is more than one thing",
    most: 12,
    sizeOf: (node) => membersOf(node, ts.isPropertyDeclaration),
    exceptions: {
      "firmware/wire/frame/frame.ts FrameReader": [
        36,
        "what a frame says, which others read, beside the state of a reader that may stop at any byte",
      ],
      "firmware/wire/cbor/cbor.ts CborReader": [
        31,
        "the state of a reader that may stop at any byte, as JsonReader, whose interface it has",
      ],
      "firmware/wire/json/json.ts JsonReader": [23, "the state of a reader that may stop at any byte"],
      "firmware/wire/mqtt/reader.ts MqttReader": [21, "the state of a reader that may stop at any byte"],
      "firmware/wire/websocket/reader.ts WebSocketReader": [
        19,
        "the state of a reader that may stop at any byte",
      ],
      "firmware/wire/mqtt/mqtt5-properties.ts Mqtt5Properties": [
        24,
        "one field for each property that MQTT 5 has for us",
      ],
      "firmware/rpc/calls.ts Call": [28, "a record: what is known of one request"],
      "firmware/tokens/host.ts Host": [18, "a record: what is known of one host"],
      "firmware/counters.ts Counters": [16, "a record: one field for each counter"],
      "firmware/config.ts Config": [22, "a record: the options, checked"],
      "firmware/session.ts Session": [
        26,
        "puts together what one connection needs, 15 parts, and is its life",
      ],
      "firmware/session/attempts.ts Attempts": [
        13,
        "two channels, and what is known of the connection to come",
      ],
      "firmware/rotation.ts Rotation": [22, "two keys and the steps from one to the other"],
      "firmware/transport/websocket-endpoint.ts WebSocketEndpoint": [
        22,
        "handshake and frames share their buffers",
      ],
      "firmware/transport/mqtt-channel.ts MqttChannel": [
        21,
        "what Mqtt5Channel extends: packets of one connection, both ways",
      ],
      "firmware/messages.ts Messages": [15, "the state of one message out and one in"],
      "firmware/tokens.ts Tokens": [14, "puts hosts, slots, leases, waiters and store together"],
    },
  },
  {
    rule: "class-methods",
    why: "what can do so much is more than one thing",
    most: 20,
    sizeOf: (node) => membersOf(node, (member) => ts.isMethodDeclaration(member) || ts.isAccessor(member)),
    exceptions: {
      "firmware/transport/mqtt-channel.ts MqttChannel": [
        41,
        "one for each packet and each wish of a Channel",
      ],
      "firmware/transport/mqtt5-channel.ts Mqtt5Channel": [
        28,
        "overrides, one for each thing that MQTT 5 does otherwise",
      ],
      "firmware/messages.ts Messages": [28, "what apps call, beside what the channel calls (AppTraffic)"],
      "firmware/tokens.ts Tokens": [25, "what handles call, beside what a turn does"],
      "firmware/rotation.ts Rotation": [24, "one for each step"],
      "firmware/wire/json/json.ts JsonReader": [24, "one for each state"],
      "firmware/wire/cbor/cbor.ts CborReader": [23, "one for each kind of item"],
      "firmware/session.ts Session": [23, "what the driver calls, and one for each event"],
    },
  },
  {
    rule: "constructor-length",
    why: "a constructor puts together; what takes more lines is a function of its own",
    most: 30,
    sizeOf: (node) => (ts.isConstructorDeclaration(node) ? linesOf(node) : undefined),
    exceptions: {
      "firmware/config.ts Config.constructor": [
        63,
        "each option is read in one place, in the order in which errors are named",
      ],
      "firmware/session.ts Session.constructor": [50, "it makes the 15 parts and hands each to the others"],
      "firmware/transport/websocket-endpoint.ts WebSocketEndpoint.constructor": [
        36,
        "the fields of the handshake, one a line",
      ],
    },
  },
  {
    rule: "parameters",
    why: "hand over an object of fields, which is made once",
    most: 5,
    sizeOf: (node) => (hasBody(node) ? node.parameters.length : undefined),
    exceptions: {
      "firmware/proof/rotation.ts openNextKey": [9, "the byte strings of the wire's definition"],
      "firmware/proof/rotation.ts proveNextKey": [6, "the byte strings of the wire's definition"],
      "firmware/proof/recover.ts isCounterProved": [6, "the byte strings of the wire's definition"],
      "firmware/tokens/token-store.ts TokenStore.constructor": [7, "it is made once"],
      "firmware/tokens/token-store.ts TokenStore.takeOut": [
        6,
        "a piece of a record: bytes and three indexes",
      ],
      "firmware/wire/frame/frame.ts FrameReader.constructor": [6, "it is made once"],
      "firmware/wire/json/text.ts JsonText.read": [
        6,
        "a piece in, a place out; an object would be written for each piece",
      ],
      "firmware/wire/json/text.ts JsonText.odd": [6, "the same"],
      "firmware/wire/cbor/string.ts CborString.read": [6, "the same"],
      "firmware/wire/cbor/string.ts CborString.bytes": [6, "the same"],
      "firmware/wire/cbor/string.ts CborString.text": [6, "the same"],
      "firmware/adapters/moddable/native/json-text.ts JsonText.read": [
        6,
        "the same, as the file whose place it takes",
      ],
    },
  },
  {
    rule: "function-length",
    why: "give its steps names",
    most: 40,
    sizeOf: (node) => (hasBody(node) && !ts.isConstructorDeclaration(node) ? linesOf(node) : undefined),
    exceptions: {
      "firmware/sentences.ts sentenceOf": [157, "a table: a line for each status"],
      "firmware/crypto/sha256.ts Sha256.compress": [52, "eight variables that all of it needs"],
      "firmware/wire/frame/frame.ts FrameReader.takeValue": [46, "a table: a case for each member"],
      "firmware/wire/frame/frame.ts FrameReader.takeInner": [45, "a table: a case for each member"],
      "firmware/explain.ts explain": [45, "a line for each field of the answer"],
    },
  },
];

/** What is over its limit in a file, exceptions too. */
export function oversized(limit: Limit, file: SourceText): { key: string; line: number; size: number }[] {
  const found: { key: string; line: number; size: number }[] = [];
  walk(file.tree, (node) => {
    const size = limit.sizeOf(node);
    if (size !== undefined && size > limit.most)
      found.push({ key: `${file.path} ${nameOf(node)}`, line: lineOf(node), size });
  });
  return found;
}

/** Exceptions that files do not need, or that are larger than what they stand for. */
export function idleExceptions(files: readonly SourceText[]): string[] {
  return LIMITS.flatMap((limit) => {
    const sizes = new Map(
      files.flatMap((file) => oversized(limit, file)).map(({ key, size }) => [key, size]),
    );
    return Object.entries(limit.exceptions)
      .filter(([key, [size]]) => sizes.get(key) !== size)
      .map(
        ([key, [size]]) => `${limit.rule}: ${key} is ${sizes.get(key) ?? "within the limit"}, not ${size}`,
      );
  });
}

export const LIMIT_RULES: readonly Rule[] = LIMITS.map((limit) => ({
  name: limit.rule,
  why: `${limit.why}: ${limit.most} at the most, or an exception with its reason in test/tidy/limits.ts`,
  holdsIn: isLimited,
  check: (file, report) => {
    for (const { key, line, size } of oversized(limit, file))
      if (size > (limit.exceptions[key]?.[0] ?? 0)) report(line, `${size}`);
  },
}));
