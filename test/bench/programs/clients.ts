/** Three clients that do the same job: connect, subscribe, ask for a token and read it. */
import { connect as connectTcp, type Socket } from "node:net";
import { type MqttClient, connect as mqttConnect } from "mqtt";
import mqtt from "mqtt-packet";
import {
  type AuthClient,
  createAuth,
  type Host,
  type LimitOptions,
  Scratch,
  State,
} from "../../../firmware/index.js";
import { nodePorts } from "../../../host-sim/node/ports.js";
import { Packets } from "./packets.js";

const APP = "app.example.com";
const PSK = "c2VjcmV0IG9mIGEgZGV2aWNlIHRoYXQgaXMgbm90IG9uZQ";
const METHOD = "/v1/Auth.GenerateToken";
/** One thread, one scratch: as a fleet does. */
const scratch = new Scratch();

/** A connection to the responder, subscribed to its topic when it calls `onReady`. */
export interface Client {
  /** Asks for a new token; `onDone` when it was read. One request at a time. */
  request(onDone: () => void): void;
  close(): void;
}

/** Makes a client of the device `id`. */
export type Connect = (port: number, id: string, onReady: () => void) => Client;

/** The firmware with the proof `password`: what MQTT.js does too. */
export class FirmwareClient implements Client {
  private readonly auth: AuthClient;
  private readonly host: Host;

  constructor(port: number, id: string, onReady: () => void, limits: LimitOptions) {
    this.auth = createAuth(
      {
        deviceId: id,
        cloud: { host: "127.0.0.1", port },
        credential: { psk: PSK },
        proof: "password",
        allowInsecure: true,
        limits,
      },
      nodePorts(),
      scratch,
    );
    this.auth.onState = (state) => {
      if (state !== State.READY) return;
      this.auth.onState = null;
      onReady();
    };
    this.host = this.auth.host(APP);
  }

  request(onDone: () => void): void {
    this.host.generateToken(onDone);
  }

  close(): void {
    this.auth.close();
  }
}

/** MQTT.js the usual way: connect, await CONNACK, subscribe, await SUBACK. */
export class MqttJsClient implements Client {
  /** The last token that came. */
  token = "";
  private readonly client: MqttClient;
  private id = 123_456_789_012_345;
  private onDone: () => void = () => {};

  constructor(
    port: number,
    private readonly device: string,
    onReady: () => void,
    options: { host?: string; password?: string; isNoDelay: boolean; isSubscribing: boolean },
  ) {
    this.client = mqttConnect({
      host: options.host ?? "127.0.0.1",
      port,
      clientId: device,
      username: device,
      password: options.password ?? PSK,
      reconnectPeriod: 0,
    });
    if (options.isNoDelay) (this.client.stream as unknown as Socket).setNoDelay(true);
    this.client.on("message", (_topic, payload) => this.take(payload));
    this.client.on("connect", () => {
      if (!options.isSubscribing) onReady();
      else this.client.subscribe(`${device}/rpc/#`, { qos: 1 }, () => onReady());
    });
  }

  request(onDone: () => void): void {
    this.id++;
    this.onDone = onDone;
    const frame = { v: 2, src: this.device, id: this.id, method: METHOD, args: { host: APP } };
    this.client.publish(`cloud/from/${this.device}/rpc`, JSON.stringify(frame), { qos: 1 });
  }

  close(): void {
    this.client.end(true);
  }

  private take(payload: Buffer): void {
    const frame = JSON.parse(payload.toString());
    if (frame.id !== this.id) return;
    this.token = frame.result.token;
    // As after an `await`: MQTT.js acknowledges what came before the app goes on.
    queueMicrotask(this.onDone);
  }
}

/** A socket and prepared bytes: nothing is composed and nothing is read but where a packet ends. */
export class RawClient implements Client {
  private readonly socket: Socket;
  private readonly packets = new Packets();
  private readonly prepared: Buffer;
  private onDone: () => void = () => {};

  constructor(port: number, id: string, onReady: () => void) {
    const greeting = Buffer.concat([
      mqtt.generate({
        cmd: "connect",
        clientId: id,
        username: id,
        password: Buffer.from(PSK),
        keepalive: 60,
        protocolId: "MQTT",
        protocolVersion: 4,
        clean: true,
      }),
      mqtt.generate({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: `${id}/rpc/#`, qos: 1 }] }),
    ]);
    this.prepared = preparedRequest(id);
    this.socket = connectTcp({ port, host: "127.0.0.1", noDelay: true }, () => this.socket.write(greeting));
    this.socket.on("data", (piece: Buffer) =>
      this.packets.read(piece, (first) => {
        const type = first >> 4;
        if (type === 9) onReady();
        else if (type === 3) this.onDone();
      }),
    );
  }

  request(onDone: () => void): void {
    this.onDone = onDone;
    this.socket.write(this.prepared);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** The acknowledgement of the answer before, and a request, in one write. */
function preparedRequest(device: string): Buffer {
  const frame = { v: 2, src: device, id: 123_456_789_012_345, method: METHOD, args: { host: APP } };
  return Buffer.concat([
    mqtt.generate({ cmd: "puback", messageId: 1 }),
    mqtt.generate({
      cmd: "publish",
      topic: `cloud/from/${device}/rpc`,
      payload: JSON.stringify(frame),
      qos: 1,
      messageId: 2,
      dup: false,
      retain: false,
    }),
  ]);
}

/** How each kind of client is made. */
export const CONNECT = {
  firmware: (port, id, onReady) => new FirmwareClient(port, id, onReady, {}),
  mqttJs: (port, id, onReady) =>
    new MqttJsClient(port, id, onReady, { isNoDelay: false, isSubscribing: true }),
  mqttJsNoDelay: (port, id, onReady) =>
    new MqttJsClient(port, id, onReady, { isNoDelay: true, isSubscribing: true }),
  mqttJsBare: (port, id, onReady) =>
    new MqttJsClient(port, id, onReady, { isNoDelay: false, isSubscribing: false }),
  raw: (port, id, onReady) => new RawClient(port, id, onReady),
} satisfies Record<string, Connect>;
