import type { Dialect, Fields, Question } from "./dialect.js";
import type { Gatekeeper } from "./gatekeeper.js";

/** The exchange that MQTT's topics go through. */
const EXCHANGE = "amq.topic";
const QUEUE_PERMISSIONS: readonly string[] = ["configure", "read", "write"];
/** In a key an asterisk stands for one level, and a hash for any number. */
const WILDCARDS: readonly string[] = ["*", "#"];

/**
 * RabbitMQ's rabbitmq_auth_backend_http by POST, as 3.10 asks: `user` once for each connection, then `vhost`; three
 * times `resource` for a client's own queue; `resource` and `topic` for each new filter or topic. Exactly `allow` or
 * `deny` ends a question well. Tags, which may stand behind `allow`, make administrators: nobody gets one.
 */
export class RabbitMq implements Dialect {
  readonly asksIn = "application/x-www-form-urlencoded";
  readonly answersIn = "text/plain";
  readonly yes = "allow";
  readonly no = "deny";
  /** Its client of HTTP asks no second time where a connection that it kept is closed just then: the login would fail. */
  readonly isKeptAlive = false;
  readonly questions: ReadonlyMap<string, Question> = new Map<string, Question>([
    ["user", (fields) => this.mayConnect(fields)],
    ["vhost", (fields) => this.isInPlace(fields, "client_id")],
    ["resource", (fields) => this.mayUse(fields)],
    ["topic", (fields) => this.mayCarry(fields)],
  ]);

  constructor(
    private readonly gatekeeper: Gatekeeper,
    /** The virtual host that devices are on. */
    private readonly vhost: string,
  ) {}

  fieldsOf(body: string): Fields | null {
    const fields = new Map<string, string>();
    for (const [name, value] of new URLSearchParams(body)) {
      if (fields.has(name)) return null;
      fields.set(name, value);
    }
    return fields;
  }

  /** Other protocols than MQTT name no client id, and are not let in. */
  private mayConnect(fields: Fields): boolean | Promise<boolean> {
    const [clientId, userName, password] = ["client_id", "username", "password"].map((name) =>
      fields.get(name),
    );
    if (fields.get("vhost") !== this.vhost) return false;
    if (clientId === undefined || userName === undefined || password === undefined) return false;
    return this.gatekeeper.admits({ clientId, userName, password });
  }

  /** Of a user that may be connected, on the devices' virtual host, under a client id of its own. */
  private async isInPlace(fields: Fields, clientId: string): Promise<boolean> {
    const userName = fields.get("username") ?? "";
    return (
      fields.get("vhost") === this.vhost &&
      fields.get(clientId) === userName &&
      (await this.gatekeeper.knows(userName))
    );
  }

  private async mayUse(fields: Fields): Promise<boolean> {
    const [kind, name, permission] = ["resource", "name", "permission"].map(
      (field) => fields.get(field) ?? "",
    );
    if (!(await this.isInPlace(fields, "client_id"))) return false;
    if (kind === "exchange") return name === EXCHANGE && (permission === "read" || permission === "write");
    const queue = `mqtt-subscription-${fields.get("username")}qos`;
    return (
      kind === "queue" &&
      [`${queue}0`, `${queue}1`].includes(name ?? "") &&
      QUEUE_PERMISSIONS.includes(permission ?? "")
    );
  }

  private async mayCarry(fields: Fields): Promise<boolean> {
    if (!(await this.isInPlace(fields, "variable_map.client_id"))) return false;
    if (fields.get("resource") !== "topic" || fields.get("name") !== EXCHANGE) return false;
    const userName = fields.get("username") ?? "";
    const levels = (fields.get("routing_key") ?? "").split(".");
    if (levels.some((level) => level.includes("/"))) return false;
    if (fields.get("permission") === "read")
      return this.gatekeeper.mayRead(
        userName,
        levels.map((level) => (level === "*" ? "+" : level)).join("/"),
      );
    const isTopic = !levels.some((level) => WILDCARDS.includes(level));
    return (
      fields.get("permission") === "write" && isTopic && this.gatekeeper.mayWrite(userName, levels.join("/"))
    );
  }
}
