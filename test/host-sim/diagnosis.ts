import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { generate, type Packet, parser } from "mqtt-packet";
import type { Explanation } from "../../firmware/explain.js";

import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import {
  DeviceError,
  type DeviceOptions,
  type SimulatedDevice,
  type StatusName,
  simulateDevice,
} from "../../host-sim/device.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { endpointOf } from "../../host-sim/transports.js";
import { startMosquitto } from "../servers/mosquitto.js";
import type { Pki } from "../servers/pki.js";
import { SteadyClock } from "./steady-clock.js";

/** The device that faults befall; the key is a canary. */
export const DEVICE = { id: "device_123", psk: "canary-key-that-nobody-may-ever-read-0123456" };
export const HOST = "app.example.com";

/** No second connection disturbs the first one's diagnosis. */
const LIMITS = { backoffBaseMs: 60_000, backoffCapMs: 60_000 };

/** For calls that nothing else ends, and long enough for answers that are refused to come first. */
export const SOON = { limits: { callAttemptMs: 1_000, callDeadlineMs: 1_200 } };

/** The same, for answers of a broker that is a process of its own. */
export const LATER = { limits: { callAttemptMs: 3_000, callDeadlineMs: 3_500 } };

/** One fault: what is done, and what `explain()` is to make of it. */
export interface Fault {
  readonly what: string;
  readonly name: StatusName;
  /** What the sentence tells to do next. */
  readonly step: RegExp;
  /** Fields of the explanation, beside those that every one has. */
  readonly evidence?: Partial<Explanation>;
  readonly cause: (bench: Bench) => Promise<Explanation>;
}

/** What a scripted broker does with a packet. */
export type Script = (packet: Packet, send: (answer: Packet) => void, socket: Socket) => void;

/** Lets a device in, and takes what it publishes without a word. */
export const letsIn: Script = (packet, send) => {
  if (packet.cmd === "connect") send({ cmd: "connack", returnCode: 0, reasonCode: 0, sessionPresent: false });
  if (packet.cmd === "subscribe")
    send({ cmd: "suback", messageId: packet.messageId as number, granted: [1] });
  if (packet.cmd === "publish" && packet.qos === 1)
    send({ cmd: "puback", messageId: packet.messageId as number, reasonCode: 0 });
};

/** Where faults are injected: servers and devices of one test, closed at its end. */
export class Bench {
  private readonly closing: (() => unknown)[] = [];

  /** @param mosquitto the program; "" where the test needs none */
  constructor(
    readonly pki: Pki,
    private readonly mosquitto: string,
  ) {}

  /** A cloud that knows the device. */
  async cloud(options: CloudOptions = {}): Promise<Cloud> {
    const cloud = await startCloud(options);
    this.closing.push(() => cloud.close());
    await cloud.addDevice(DEVICE);
    return cloud;
  }

  /** A mosquitto that knows the device, and a cloud behind it. @param rules lines more in its ACLs, @param more in its configuration */
  async broker(rules: string[] = [], more: string[] = []): Promise<{ url: string; wsUrl: string }> {
    const users = [{ id: DEVICE.id, password: DEVICE.psk }];
    const broker = await startMosquitto(this.mosquitto, users, rules, more);
    this.closing.push(() => broker.close());
    await this.cloud({ broker: broker.cloudUrl, topicsBound: true });
    return broker;
  }

  /** A server that does this with each connection. */
  async server(serve: (socket: Socket) => void): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      serve(socket);
    }).listen(0, "127.0.0.1");
    this.closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    await once(server, "listening");
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** A web server that does this with each Upgrade. @returns `host:port` */
  http(upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): Promise<string> {
    const http = createHttp().on("upgrade", upgrade);
    return this.server((socket) => http.emit("connection", socket));
  }

  /** A broker that says to each packet what the script makes of it. @returns its URL */
  async script(answer: Script): Promise<string> {
    const place = await this.server((socket) => {
      const reader = parser();
      let protocolVersion = 4;
      const send = (packet: Packet) => socket.write(generate(packet, { protocolVersion }));
      socket.on("data", (bytes) => reader.parse(bytes));
      reader.on("packet", (packet: Packet) => {
        if (packet.cmd === "connect") protocolVersion = packet.protocolVersion ?? 4;
        answer(packet, send, socket);
      });
    });
    return `mqtt://${place}`;
  }

  /** Without TLS its time stands still while this process does. */
  device(cloud: DeviceOptions["cloud"], options: Partial<DeviceOptions> = {}): SimulatedDevice {
    const limits = { ...LIMITS, ...options.limits };
    const { isSecure } = endpointOf(cloud, options.transport);
    const steady = isSecure ? {} : { ports: { ...nodePorts(), clock: new SteadyClock() } };
    const device = simulateDevice({ cloud, ...DEVICE, ...steady, ...options, limits });
    this.closing.push(() => device.close());
    return device;
  }

  /** What a device says whose connection could not be made, or was lost. */
  async kept(cloud: DeviceOptions["cloud"], options: Partial<DeviceOptions> = {}): Promise<Explanation> {
    const device = this.device(cloud, options);
    await device.next("WAITING");
    return device.explain();
  }

  /** What a device says whose call for a token was refused. */
  async refused(cloud: DeviceOptions["cloud"], options: Partial<DeviceOptions> = {}): Promise<Explanation> {
    const device = this.device(cloud, options);
    await device.ready();
    await failure(device.host(HOST).getToken());
    return device.explain();
  }

  async close(): Promise<void> {
    for (const close of this.closing.reverse()) await close();
  }
}

/** Waits for a call to be refused. @throws Error when it succeeds */
export async function failure(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (error instanceof DeviceError) return;
    throw error;
  }
  throw new Error("The call succeeded, where it was to be refused");
}
