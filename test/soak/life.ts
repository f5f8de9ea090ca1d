/** A device's whole life, again and again, inside an engine: connect, a token, a refresh, a revocation, a reboot. */
import {
  type AuthClient,
  createAuth,
  type LinkEvents,
  type Ports,
  Scratch,
  State,
  Status,
  type Waker,
} from "../../firmware/index.js";

const HOST = "app.example.com";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const LIFETIME_S = 3_600;
const DAY_MS = 86_400_000;
/** Turns that one step may take. */
const TURNS_MAX = 1_000;

const bytesOf = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
};

/** The broker and the cloud of one device: they answer by patterns in its bytes, and know nothing of the firmware's codecs. */
class Peer {
  readonly answers: Uint8Array[] = [];
  private rest = "";

  /** Bytes of the device, as text. */
  take(text: string): void {
    this.rest += text;
    for (;;) {
      const length = this.wholeLength();
      if (length === 0) return;
      const packet = this.rest.slice(0, length);
      this.rest = this.rest.slice(length);
      this.answer(packet);
    }
  }

  forget(): void {
    this.rest = "";
    this.answers.length = 0;
  }

  private wholeLength(): number {
    let length = 0;
    for (let i = 1; i < Math.min(5, this.rest.length); i++) {
      const byte = this.rest.charCodeAt(i);
      length += (byte & 127) * 128 ** (i - 1);
      if (byte < 128) return this.rest.length > i + length ? i + 1 + length : 0;
    }
    return 0;
  }

  private answer(packet: string): void {
    const type = packet.charCodeAt(0) >> 4;
    if (type === 1) this.answers.push(new Uint8Array([0x20, 2, 0, 0]));
    else if (type === 8)
      this.answers.push(new Uint8Array([0x90, 3, packet.charCodeAt(2), packet.charCodeAt(3), 1]));
    else if (type === 12) this.answers.push(new Uint8Array([0xd0, 0]));
    else if (type === 3) this.serve(packet);
  }

  private serve(packet: string): void {
    const frame = packet.slice(packet.indexOf('{"'));
    const numberAt = packet.indexOf("/rpc") + 4;
    const acknowledgement = [0x40, 2, packet.charCodeAt(numberAt), packet.charCodeAt(numberAt + 1)];
    if ((packet.charCodeAt(0) & 6) !== 0) this.answers.push(new Uint8Array(acknowledgement));
    const id = /"id":(\d+)/.exec(frame)?.[1];
    const method = /"method":"([^"]+)"/.exec(frame)?.[1];
    const token = `{"token":"${"t".repeat(120)}","expires_in":${LIFETIME_S}}`;
    const result =
      method === "/v1/Auth.GenerateToken"
        ? token
        : method === "/v1/Auth.GetToken"
          ? '{"exist":false}'
          : '{"time":1800000000}';
    const members = method === "/v1/Auth.RevokeToken" ? "" : `,"result":${result}`;
    const answer = `{"v":2,"src":"//api.mongoose-iot.com","dst":"device_1","id":${id}${members}}`;
    const topic = "device_1/rpc";
    const length = 2 + topic.length + answer.length;
    const head = length < 128 ? [0x30, length] : [0x30, (length & 127) | 128, length >> 7];
    const body = bytesOf(`${String.fromCharCode(0, topic.length)}${topic}${answer}`);
    const whole = new Uint8Array(head.length + body.length);
    whole.set(head, 0);
    whole.set(body, head.length);
    this.answers.push(whole);
  }
}

/** One device over all its boots: its flash goes on, and time. */
export class Soak {
  cycles = 0;
  private nowMs = 0;
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private waker: Waker | null = null;
  private events: LinkEvents | null = null;
  private isOpening = false;
  private seed = 1;
  private readonly peer = new Peer();
  private readonly scratch = new Scratch();
  private readonly names: string[] = [];
  private readonly values: Uint8Array[] = [];
  private readonly ports: Ports;

  constructor() {
    this.ports = {
      link: {
        open: (_address, events) => {
          this.events = events;
          this.isOpening = true;
          this.peer.forget();
        },
        write: (bytes, from, to) => {
          let text = "";
          for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]);
          this.peer.take(text);
          return to - from;
        },
        close: () => {
          this.events = null;
          this.peer.forget();
        },
      },
      clock: {
        now: () => this.nowMs,
        wakeAfter: (delayMs, waker) => {
          this.waker = waker;
          this.wakeAtMs = this.nowMs + Math.ceil(delayMs); // as engines have their timers
        },
        cancel: () => {
          this.wakeAtMs = Number.POSITIVE_INFINITY;
        },
      },
      entropy: {
        fill: (bytes, from, to) => {
          for (let i = from; i < to; i++) {
            this.seed = (Math.imul(this.seed, 1_103_515_245) + 12_345) >>> 0;
            bytes[i] = this.seed >>> 16;
          }
        },
      },
      store: {
        read: (name, out) => {
          const at = this.names.indexOf(name);
          if (at < 0) return -1;
          out.set(this.values[at].subarray(0, out.length), 0);
          return this.values[at].length;
        },
        write: (name, bytes, length) => {
          const at = this.names.indexOf(name);
          if (at < 0) this.names.push(name);
          this.values[at < 0 ? this.names.length - 1 : at] = bytes.slice(0, length);
          return true;
        },
      },
    };
  }

  /** @throws Error where a step comes to something else than it does in every life */
  run(count: number): void {
    for (let i = 0; i < count; i++) this.live();
  }

  private live(): void {
    const client = createAuth(
      {
        deviceId: "device_1",
        cloud: { host: "cloud.example.com" },
        credential: { psk: PSK, counter: 1 },
        proof: "password",
        allowInsecure: true,
      },
      this.ports,
      this.scratch,
    );
    const app = client.host(HOST);
    const first = this.token(client, (onToken) => app.getToken(onToken));
    this.pass(client, LIFETIME_S * 950, () => false); // behind its refresh
    const second = this.token(client, (onToken) => app.getToken(onToken));
    if (second <= first) throw new Error(`cycle ${this.cycles}: the token was not refreshed`);
    let isRevoked = false;
    const status = app.revokeToken((ended) => {
      isRevoked = ended === Status.OK;
    });
    if (status !== Status.OK) throw new Error(`cycle ${this.cycles}: revokeToken returned ${Status[status]}`);
    this.pass(client, DAY_MS, () => isRevoked);
    client.close();
    if (client.state !== State.CLOSED) throw new Error(`cycle ${this.cycles}: not closed`);
    this.cycles++;
  }

  /** The generation of a token that is asked for. */
  private token(
    client: AuthClient,
    ask: (onToken: (status: Status, token: { readonly generation: number } | null) => void) => Status,
  ): number {
    let generation = -1;
    const status = ask((ended, token) => {
      if (ended !== Status.OK || token === null) throw new Error(`cycle ${this.cycles}: ${Status[ended]}`);
      generation = token.generation;
    });
    if (status !== Status.OK) throw new Error(`cycle ${this.cycles}: getToken returned ${Status[status]}`);
    this.pass(client, DAY_MS, () => generation >= 0);
    return generation;
  }

  /** Lets time pass until something is done, at the most so long. */
  private pass(client: AuthClient, forMs: number, isDone: () => boolean): void {
    const endMs = this.nowMs + forMs;
    for (let turns = 0; !isDone(); turns++) {
      if (turns > TURNS_MAX) throw new Error(`cycle ${this.cycles}: ${State[client.state]} for ever`);
      const events = this.events;
      if (events !== null && this.isOpening) {
        this.isOpening = false;
        events.opened();
        continue;
      }
      const bytes = this.peer.answers.shift();
      if (events !== null && bytes !== undefined) {
        events.received(bytes, 0, bytes.length);
        continue;
      }
      if (this.wakeAtMs > endMs) {
        this.nowMs = endMs;
        return;
      }
      this.nowMs = Math.max(this.nowMs, this.wakeAtMs);
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      this.waker?.turn();
    }
  }
}
