/** A client that gets one token after the other, to be measured: ours, or the SDK's MQTT client with JSON. */
import TCP from "embedded:io/socket/tcp";
import MQTTClient from "embedded:network/mqtt/client";
import Meter from "meter";
import { createAuth, moddablePorts, type Proof, State, Status } from "motekey";
import Timer from "timer";

declare const screen: { postMessage(text: string): void; onMessage(text: string): void };

type Command =
  | { do: "start"; who: Proof | "stock"; port: number }
  | { do: "go"; times: number }
  | { do: "collect" | "read" };

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HOST = "app.example.com";
const answer = (text: string): void => screen.postMessage(`=${text}`);

let left = 0;
let ask: () => void;

const onTold = (): void => {
  left--;
  if (left > 0) ask();
  else answer("0");
};

const startOurs = (proof: Proof, port: number): void => {
  const credential = { psk: PSK, counter: 1 };
  const options = {
    deviceId: ID,
    cloud: { host: "127.0.0.1", port },
    credential,
    proof,
    allowInsecure: true,
  };
  const auth = createAuth(options, moddablePorts());
  const app = auth.host(HOST);
  const onToken = (status: Status): void => {
    if (status === Status.OK) onTold();
    else answer(String(status));
  };
  ask = () => app.generateToken(onToken);
  auth.onState = (state) => {
    if (state === State.READY) answer("0");
  };
};

/** Resolves nothing: the client wants somebody to ask. */
class Dns {
  resolve(question: { host: string; onResolved: (host: string, address: string) => void }): void {
    Timer.set(() => question.onResolved(question.host, "127.0.0.1"));
  }
}

const startStock = (port: number): void => {
  let id = 2 ** 47; // as long as ours
  const client = new MQTTClient({
    host: "127.0.0.1",
    port,
    dns: { io: Dns },
    socket: { io: TCP, nodelay: true },
    id: ID,
    user: ID,
    password: ArrayBuffer.fromString(PSK),
    keepAlive: 60_000,
    onControl(this: MQTTClient, operation: { operation: number }): void {
      if (operation.operation !== MQTTClient.CONNACK) return;
      this.write(null, { operation: MQTTClient.SUBSCRIBE, items: [{ topic: `${ID}/rpc/#`, QoS: 1 }] });
      answer("0");
    },
    onWritable(): void {},
    onReadable(this: MQTTClient, count: number): void {
      const frame = JSON.parse(String.fromArrayBuffer(this.read(count)));
      if (frame.id === id && typeof frame.result.token === "string") onTold();
    },
    onError(): void {
      answer("1");
    },
  });
  ask = () => {
    id++;
    const frame = { v: 2, src: ID, id, method: "/v1/Auth.GenerateToken", args: { host: HOST } };
    const payload = ArrayBuffer.fromString(JSON.stringify(frame));
    client.write(payload, { topic: `cloud/from/${ID}/rpc`, QoS: 1 });
  };
};

screen.onMessage = (text) => {
  const command: Command = JSON.parse(text);
  if (command.do === "start") {
    if (command.who === "stock") startStock(command.port);
    else startOurs(command.who, command.port);
  } else if (command.do === "go") {
    left = command.times;
    ask();
  } else {
    if (command.do === "collect") Meter.collect();
    answer(Meter.read());
  }
};
