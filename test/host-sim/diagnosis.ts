import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Explanation } from "../../firmware/index.js";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import {
  DeviceError,
  type DeviceOptions,
  type SimulatedDevice,
  type StatusName,
  simulateDevice,
} from "../../host-sim/device.js";
import { startMosquitto } from "../servers/mosquitto.js";
import type { Pki } from "../servers/pki.js";

/** The device that faults befall; the key is a canary. */
export const DEVICE = { id: "device_123", psk: "canary-key-that-nobody-may-ever-read-0123456" };
export const HOST = "app.example.com";

/** No second connection disturbs the first one's diagnosis. */
const LIMITS = { backoffBaseMs: 60_000, backoffCapMs: 60_000 };

/** For calls that nothing else ends, and long enough for answers that are refused to come first. */
export const SOON = { limits: { callAttemptMs: 1_000, callDeadlineMs: 1_200 } };

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

  /** A mosquitto that knows the device, and a cloud behind it. @param rules lines more in its ACLs */
  async broker(rules: string[] = []): Promise<{ url: string; wsUrl: string }> {
    const broker = await startMosquitto(this.mosquitto, [{ id: DEVICE.id, password: DEVICE.psk }], rules);
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

  device(cloud: DeviceOptions["cloud"], options: Partial<DeviceOptions> = {}): SimulatedDevice {
    const limits = { ...LIMITS, ...options.limits };
    const device = simulateDevice({ cloud, ...DEVICE, ...options, limits });
    this.closing.push(() => device.close());
    return device;
  }

  /** What a device says whose connection could not be made, or was lost. */
  async kept(cloud: DeviceOptions["cloud"], options: Partial<DeviceOptions> = {}): Promise<Explanation> {
    const device = this.device(cloud, options);
    await device.next("WAITING");
    return device.auth.explain();
  }

  /** What a device says whose call for a token was refused. */
  async refused(cloud: DeviceOptions["cloud"], options: Partial<DeviceOptions> = {}): Promise<Explanation> {
    const device = this.device(cloud, options);
    await device.ready();
    await failure(device.host(HOST).getToken());
    return device.auth.explain();
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
