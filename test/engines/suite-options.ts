/** What an app hands in, refused in the same words on every engine. This file runs inside the engines, as `suite.ts` does. */
import { createAuth, mqtt, type Ports } from "../../firmware/index.js";

const ports = (): Ports => ({
  link: { open() {}, write: () => 0, close() {} },
  clock: { now: () => 0, wakeAfter() {}, cancel() {} },
  entropy: { fill() {} },
});

/** What `createAuth` says to it; "taken" where it makes a client. */
function verdict(options: object | undefined, given: object | undefined): string {
  try {
    createAuth(options as Parameters<typeof createAuth>[0], given as Ports).close();
    return "taken";
  } catch (error) {
    return (error as Error).message;
  }
}

/** A row per mistake. */
export function optionVerdicts(): string {
  const psk = new Uint8Array([1, 2, 3, 4]);
  const cloud = { host: "h" };
  const right = { deviceId: "d1", cloud, credential: { psk }, transport: mqtt };
  const wrong: (object | undefined)[] = [
    right,
    undefined,
    [],
    { deviceId: "d1", cloud, credential: { psk }, allowinsecure: true },
    { deviceId: "d1", credential: { psk } },
    { deviceId: "d1", cloud: { hots: "h" }, credential: { psk } },
    { deviceId: "d1", cloud: { host: "h", port: 70000 }, credential: { psk } },
    { deviceId: "d1", cloud: { host: "h", alternatives: [{ host: "" }] }, credential: { psk } },
    { deviceId: "d1", cloud, credential: { psk: 1234 } },
    { deviceId: "d1", cloud, credential: [] },
    { deviceId: "d1", cloud, credential: { psk, counter: 1.5 } },
    { deviceId: "d1", cloud, credential: { psk, floor: { proof: "MAC" } } },
    { deviceId: "d1", cloud, credential: { psk, floor: { link: "VERIFIED_TLS" } } },
    { deviceId: "d1", cloud, credential: { psk, floor: { Link: 2 } } },
    { deviceId: "d1", cloud, credential: { psk, floor: [] } },
    { deviceId: "d1", cloud, credential: { psk }, transport: "mqtt5" },
    { deviceId: "d1", cloud, credential: { psk }, limits: { tokenByte: 1 } },
    { deviceId: "d1", cloud, credential: { psk }, sleptMs: null },
  ];
  let text = "";
  for (let i = 0; i < wrong.length; i++) text += `${verdict(wrong[i], ports())}\n`;
  const link = ports().link;
  const clock = ports().clock;
  text += `${verdict(right, undefined)}\n${verdict(right, { link, clock, entropy: {} })}\n`;
  return text + verdict(right, { link, clock, entropy: { fill() {} }, Store: {} });
}
