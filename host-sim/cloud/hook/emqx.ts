import { isObject } from "../frame.js";
import type { Dialect, Fields, Question } from "./dialect.js";
import type { Gatekeeper } from "./gatekeeper.js";

/**
 * EMQX's authenticator and authorizer over HTTP, from its documentation: `authenticate` for each CONNECT, `authorize` for
 * each filter and topic that its cache does not have. No is `deny` and never `ignore`, which would ask the next source.
 */
export class Emqx implements Dialect {
  readonly asksIn = "application/json";
  readonly answersIn = "application/json";
  readonly yes = JSON.stringify({ result: "allow", is_superuser: false });
  readonly no = JSON.stringify({ result: "deny" });
  readonly isKeptAlive = true;
  readonly questions: ReadonlyMap<string, Question> = new Map<string, Question>([
    ["authenticate", (fields) => this.mayConnect(fields)],
    ["authorize", (fields) => this.mayCarry(fields)],
  ]);

  constructor(private readonly gatekeeper: Gatekeeper) {}

  fieldsOf(body: string): Fields | null {
    let question: unknown;
    try {
      question = JSON.parse(body);
    } catch {
      return null;
    }
    if (!isObject(question)) return null;
    return new Map(
      Object.entries(question).filter((field): field is [string, string] => typeof field[1] === "string"),
    );
  }

  private mayConnect(fields: Fields): boolean | Promise<boolean> {
    const [clientId, userName, password] = ["clientid", "username", "password"].map((name) =>
      fields.get(name),
    );
    if (clientId === undefined || userName === undefined || password === undefined) return false;
    return this.gatekeeper.admits({ clientId, userName, password, address: fields.get("peerhost") });
  }

  private mayCarry(fields: Fields): boolean | Promise<boolean> {
    const [clientId, userName, topic] = ["clientid", "username", "topic"].map((name) => fields.get(name));
    if (userName === undefined || topic === undefined) return false;
    // Whoever logged in by another client id than its own is the cloud, one of its replicas.
    if (clientId !== userName && !clientId?.startsWith(`${userName}-`)) return false;
    if (fields.get("action") === "subscribe") return this.gatekeeper.mayRead(userName, topic);
    return fields.get("action") === "publish" && this.gatekeeper.mayWrite(userName, topic);
  }
}
