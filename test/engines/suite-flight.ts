import {
  createAuth,
  type LinkEvents,
  type Ports,
  type Proof,
  type Transport,
  type Waker,
} from "../../firmware/index.js";
import { hex } from "./suite-store.js";

/**
 * All that a device says before it is answered: CONNECT, SUBSCRIBE, the first request, Hello; and DISCONNECT.
 * @param transport null: MQTT 3.1.1
 */
export function firstFlight(proof: Proof, transport: Transport | null): string {
  const driver: { events?: LinkEvents; waker?: Waker } = {};
  let sent = "";
  const ports: Ports = {
    link: {
      open: (_address, events) => {
        driver.events = events;
      },
      write: (bytes, from, to) => {
        sent += `${hex(bytes, from, to)} `;
        return to - from;
      },
      close: () => {},
    },
    clock: {
      now: () => 0,
      wakeAfter: (_delayMs, waker) => {
        driver.waker = waker;
      },
      cancel: () => {},
    },
    entropy: {
      fill: (bytes, from, to) => {
        for (let i = from; i < to; i++) bytes[i] = i;
      },
    },
  };
  const cloud = { host: "broker.example.com" };
  const credential = { psk: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", counter: 65 };
  const options = { deviceId: "device_123", cloud, credential, proof, allowInsecure: true };
  const auth = createAuth(transport === null ? options : { ...options, transport }, ports);
  auth.host("app.example.com").getToken(() => {});
  if (driver.waker !== undefined) driver.waker.turn();
  if (driver.events !== undefined) driver.events.opened();
  auth.close();
  return sent;
}
