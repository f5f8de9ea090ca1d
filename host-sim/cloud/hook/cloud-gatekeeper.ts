import { isReply, replyTopic, requestFilter, requestSender } from "../channel.js";
import { connackOf, type Door, type Login as DoorLogin } from "../door.js";
import { ENCODINGS } from "../encoding.js";
import type { Events } from "../events.js";
import { sameSecret } from "../secret.js";
import type { Gatekeeper, Login } from "./gatekeeper.js";

/** How the cloud itself logs in to the broker that asks it. */
export interface OwnLogin {
  user: string;
  password: string;
}

/** Before a filter that several replicas share (MQTT 5, 4.8.2). */
const SHARED = /^\$share\/[^/]+\//;
/** What is reported of a name that anybody may have made up. */
const NAME_CHARACTERS_MAX = 128;

/** Decides as the cloud's own broker does, by the same door; and lets the cloud itself in. */
export class CloudGatekeeper implements Gatekeeper {
  constructor(
    private readonly door: Door,
    private readonly events: Events,
    /** null: the broker has it from elsewhere. */
    private readonly own: OwnLogin | null,
  ) {}

  admits({ clientId, userName, password, address }: Login): Promise<boolean> {
    const { own } = this;
    if (own !== null && userName === own.user)
      return Promise.resolve(isOf(own.user, clientId) && sameSecret(password, own.password));
    const shown = { id: clientId, userName, password: Buffer.from(password) };
    const visitor = { ...shown, link: null, isHeld: false, address };
    const id = clientId.slice(0, NAME_CHARACTERS_MAX);
    return new Promise((resolve) => {
      this.door.admit(visitor, (judgement) => {
        if ("proof" in judgement) this.events.emit({ event: "admitted", id, proof: judgement.proof });
        else {
          const { reason } = judgement;
          this.events.emit({ event: "connect-refused", id, returnCode: connackOf(judgement), reason });
        }
        resolve("proof" in judgement);
      });
    });
  }

  async knows(userName: string): Promise<boolean> {
    return userName === this.own?.user || (await this.door.roleOf(userName)) !== null;
  }

  async mayRead(userName: string, filter: string): Promise<boolean> {
    const isAllowed =
      userName === this.own?.user
        ? [...ENCODINGS.map(requestFilter), replyTopic(userName, "json")].includes(filter.replace(SHARED, ""))
        : await this.allows(userName, (login) => this.door.mayRead(login, filter));
    return this.told(isAllowed, userName, filter, "subscribe");
  }

  async mayWrite(userName: string, topic: string): Promise<boolean> {
    const isAllowed =
      userName === this.own?.user
        ? isReply(topic) || requestSender(topic)?.id === userName
        : await this.allows(userName, (login) => this.door.mayWrite(login, topic));
    return this.told(isAllowed, userName, topic, "publish");
  }

  private async allows(id: string, asked: (login: DoorLogin) => boolean): Promise<boolean> {
    const role = await this.door.roleOf(id);
    return role !== null && asked({ id, proof: "broker", role });
  }

  private told(
    isAllowed: boolean,
    userName: string,
    topic: string,
    action: "publish" | "subscribe",
  ): boolean {
    const id = userName.slice(0, NAME_CHARACTERS_MAX);
    if (!isAllowed) this.events.emit({ event: "topic-refused", id, topic, action });
    return isAllowed;
  }
}

/** Is this a client id of the cloud's own? Each replica of a service has one. */
function isOf(user: string, clientId: string): boolean {
  return clientId === user || clientId.startsWith(`${user}-`);
}
