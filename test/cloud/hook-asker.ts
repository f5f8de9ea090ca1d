/** Asks the hook as brokers do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import type { KeyPair } from "../../host-sim/cloud/index.js";
import { counterPassword } from "./passwords.js";

export const ID = "device_123";
export const RECOVERER = `${ID}-recover`;
export const PSK = "correct horse battery staple";
/** What a broker shows. */
export const SECRET = "what-the-broker-shows";
export const FORM = "application/x-www-form-urlencoded";
export const JSON_TYPE = "application/json";

/** What came back. */
export interface Answer {
  status: number;
  type: string | undefined;
  connection: string | undefined;
  text: string;
}

/** A request to the hook. */
export interface Asked {
  /** Below `/hook/`. */
  path: string;
  body: string;
  type?: string | null;
  method?: string;
  authorization?: string | null;
  tls?: { ca: string } & Partial<KeyPair>;
}

/** The password of the device's counter. */
export const counter = (at: number): string => counterPassword(PSK, ID, at);

/** Asks as a broker. @param httpUrl the cloud's */
export async function ask(
  httpUrl: string,
  { path, body, type = FORM, method = "POST", authorization = `Bearer ${SECRET}`, tls }: Asked,
): Promise<Answer> {
  const request = (tls === undefined ? requestPlain : requestTls)(`${httpUrl}/hook/${path}`, {
    method,
    agent: false,
    ...tls,
    headers: {
      ...(type !== null && { "content-type": type }),
      ...(authorization !== null && { authorization }),
      connection: "keep-alive",
    },
  });
  request.on("error", () => {});
  request.end(body);
  const [response] = await once(request, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const { "content-type": answered, connection } = response.headers;
  return { status: response.statusCode, type: answered, connection, text: Buffer.concat(chunks).toString() };
}

/**
 * What RabbitMQ asks, as 3.10.8 was seen to ask it.
 * @param more in place of what is right; undefined: left out
 */
export function rabbitmq(
  httpUrl: string,
  question: string,
  more: Record<string, string | undefined> = {},
): Promise<string> {
  const { username = ID } = more;
  const client = { username, vhost: "/", client_id: ID, tags: "" };
  const variables = {
    "variable_map.client_id": username,
    "variable_map.username": username,
    "variable_map.vhost": "/",
  };
  const topic = { username, vhost: "/", resource: "topic", name: "amq.topic", tags: "", ...variables };
  const right = question === "topic" ? topic : client;
  const fields = Object.entries({ ...right, ...more }).filter(
    (field): field is [string, string] => field[1] !== undefined,
  );
  return said(ask(httpUrl, { path: `rabbitmq/${question}`, body: new URLSearchParams(fields).toString() }));
}

/** The answer to RabbitMQ, which takes nothing but these two words. */
export async function said(answer: Promise<Answer>): Promise<string> {
  const { status, type, text } = await answer;
  assert.deepEqual([status, type], [200, "text/plain"]);
  assert.match(text, /^(allow|deny)$/);
  return text;
}

/** What EMQX asks, by our sample; and its answer, which makes nobody a superuser. */
export async function emqx(httpUrl: string, question: string, fields: object): Promise<string> {
  const body = JSON.stringify(fields);
  const { status, type, text } = await ask(httpUrl, { path: `emqx/${question}`, body, type: JSON_TYPE });
  assert.deepEqual([status, type], [200, JSON_TYPE]);
  const { result, is_superuser = false } = JSON.parse(text);
  assert.equal(is_superuser, false);
  return result;
}
