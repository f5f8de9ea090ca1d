/** The app's messages where brokers differ: how much they send ahead, and what they make of filters that overlap. */
import assert from "node:assert/strict";
import { connectAsync, type MqttClient } from "mqtt";
import { parser } from "mqtt-packet";
import { type AuthClient, createAuth, mqtt, State, Status, type Transport } from "../../firmware/index.js";
import { Messages } from "../../firmware/messages.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { NodeLink } from "../../host-sim/node/link.js";
import { nodePorts } from "../../host-sim/node/ports.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { findNats, startOpenNats } from "../servers/nats.js";

const DEVICE = { id: "device_123", password: "correct-horse-battery-staple-0123456789abcde" };
const APP = { id: "app_1", password: "the-key-of-the-app-0123456789abcdefghijklmno" };
const UP = "app/device_123/up";
const COUNT = 300;

/** A link that can be shut: then it takes nothing until it is opened. */
class Lock extends NodeLink {
  readonly pubacks: number[] = [];
  isShut = false;
  private readonly reader = parser();
  private wake: () => void = () => {};
  private onPacket: () => void = () => {};

  constructor() {
    super();
    this.reader.on("packet", ({ cmd, messageId }) => {
      if (cmd === "puback") this.pubacks.push(messageId as number);
      this.onPacket();
    });
  }

  /** Resolves when so many messages were acknowledged. */
  async acknowledged(count: number): Promise<void> {
    while (this.pubacks.length < count)
      await new Promise<void>((resolve) => {
        this.onPacket = resolve;
      });
  }

  override open(...[address, events]: Parameters<NodeLink["open"]>): void {
    this.wake = () => events.writable();
    super.open(address, events);
  }

  override write(bytes: Uint8Array, from: number, to: number): number {
    if (this.isShut) return 0;
    const taken = super.write(bytes, from, to);
    this.reader.parse(Buffer.from(bytes.slice(from, from + taken)));
    return taken;
  }

  unlock(): void {
    this.isShut = false;
    this.wake();
  }
}

interface Place {
  readonly url: string;
  close(): Promise<void>;
}

const BROKERS: Record<string, { start(context: Mocha.Context): Promise<Place>; transport: Transport }> = {
  "mosquitto, MQTT 5": {
    transport: mqtt5,
    start: (context) =>
      startMosquitto(
        findMosquitto(context),
        [DEVICE, APP],
        ["pattern readwrite app/%u/#", "user app_1", "topic readwrite app/#"],
      ),
  },
  "NATS, MQTT 3.1.1": { transport: mqtt, start: (context) => startOpenNats(findNats(context)) },
};

for (const [name, { start, transport }] of Object.entries(BROKERS)) {
  describe(`the app's messages at ${name}`, () => {
    let broker: Place;
    let app: MqttClient;
    let auth: AuthClient;
    let link: Lock;
    let messages: Messages;

    before(async function () {
      broker = await start(this);
    });

    after(() => broker?.close());

    beforeEach(async () => {
      app = await connectAsync(broker.url, {
        clientId: APP.id,
        username: APP.id,
        password: APP.password,
      });
      link = new Lock();
      messages = new Messages();
      const { hostname: host, port } = new URL(broker.url);
      auth = createAuth(
        {
          deviceId: DEVICE.id,
          cloud: { host, port: Number(port) },
          credential: { psk: DEVICE.password },
          proof: "password",
          allowInsecure: true,
          transport,
          messages,
        },
        nodePorts(link),
      );
      const ready = new Promise<void>((resolve) => {
        auth.onState = (state) => state === State.READY && resolve();
      });
      await ready;
    });

    afterEach(async () => {
      auth.close();
      await app.endAsync(true);
    });

    const subscribe = (filter: string, onPiece: (text: string) => void): Promise<string> =>
      new Promise((resolve) => {
        const onEnd = (status: Status): void => resolve(Status[status]);
        messages.subscribe(
          filter,
          ({ bytes, from, to }) => onPiece(Buffer.from(bytes.subarray(from, to)).toString()),
          onEnd,
        );
      });

    it("filters that overlap are refused, and each message is told once", async () => {
      const heard: string[] = [];
      let last = (): void => {};
      const done = new Promise<void>((resolve) => {
        last = resolve;
      });
      const hear = (text: string): void => {
        heard.push(text);
        if (text === "last") last();
      };
      assert.equal(await subscribe("#", hear), "SUBSCRIPTION_REFUSED", "answers would come by it, too");
      assert.equal(await subscribe("app/device_123/+", hear), "OK");
      assert.throws(
        () =>
          messages.subscribe(
            "app/device_123/#",
            () => {},
            () => {},
          ),
        /overlaps/,
      );
      assert.equal(await subscribe("app/device_123/led/+", hear), "OK");
      for (const topic of ["one", "led/two", "last"])
        await app.publishAsync(`app/device_123/${topic}`, topic, { qos: 1 });
      await done;
      assert.deepEqual(heard.sort(), ["last", "led/two", "one"]);
    });

    it(`${COUNT} messages that come while a slow upload leaves are told once and acknowledged, all of them`, async () => {
      const heard: string[] = [];
      let all = (): void => {};
      const done = new Promise<void>((resolve) => {
        all = resolve;
      });
      const granted = await subscribe("app/device_123/down", (text) => {
        heard.push(text);
        // What a broker holds back until it is acknowledged comes when the upload is over.
        if (heard.length === (transport === mqtt ? COUNT : 20)) link.unlock();
        if (heard.length === COUNT) all();
      });
      assert.equal(granted, "OK");
      link.isShut = true;
      const uploaded = new Promise<Status>((resolve) => {
        messages.publish(messages.topic(UP), new Uint8Array(20_000), 1, resolve);
      });
      for (let i = 0; i < COUNT; i++) app.publish("app/device_123/down", `${i}`, { qos: 1 });
      await done;
      assert.equal(Status[await uploaded], "OK");
      assert.deepEqual(
        heard,
        Array.from({ length: COUNT }, (_, i) => `${i}`),
      );
      await link.acknowledged(COUNT);
      assert.equal(new Set(link.pubacks).size, COUNT);
      assert.deepEqual([auth.counters.losses, auth.counters.congestions], [0, 0]);
    });
  });
}
