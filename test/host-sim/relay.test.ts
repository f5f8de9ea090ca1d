/** Somebody on the path who passes everything on and adds words of his own: what each proof leaves him. */
import assert from "node:assert/strict";
import { generate } from "mqtt-packet";
import { mqtt, type Proof, type Transport } from "../../firmware/index.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { type Cloud, simulateDevice, startCloud } from "../../host-sim/index.js";
import { Device } from "./device.js";
import { Tap } from "./tap.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const HOST = "app.example.com";

/** A request in the device's name, without a proof. */
function forged(transport: Transport): Buffer {
  const frame = { v: 2, src: DEVICE.id, id: 77, method: "/v1/Auth.GenerateToken", args: { host: HOST } };
  const topic = `cloud/from/${DEVICE.id}/rpc`;
  const payload = JSON.stringify(frame);
  const packet = { cmd: "publish", topic, payload, qos: 0, dup: false, retain: false } as const;
  return generate(packet, { protocolVersion: transport === mqtt5 ? 5 : 4 });
}

describe("a relay on the path", () => {
  let cloud: Cloud;
  let tap: Tap;

  afterEach(async () => {
    await tap.close();
    await cloud.close();
  });

  const ways: [proof: Proof, transport: Transport, isForged: boolean][] = [
    ["counter", mqtt, true],
    ["auth5", mqtt5, true],
    ["counter+mac", mqtt, false],
    ["auth5+mac", mqtt5, false],
  ];
  for (const [proof, transport, isForged] of ways) {
    const outcome = isForged ? "can speak on the connection that was proved" : "cannot put a frame in";
    it(`${outcome} under ${proof} on plain TCP`, async () => {
      cloud = await startCloud();
      tap = await Tap.start(cloud.port);
      await cloud.addDevice(DEVICE);
      const device = new Device(tap.port, DEVICE, { proof, transport });
      await device.settled();
      const judged = isForged
        ? cloud.next("replied", ({ method }) => method === "/v1/Auth.GenerateToken")
        : cloud.next("refused", ({ reason }) => reason === "mac-missing");
      tap.inject(forged(transport));
      await judged;
      assert.equal(cloud.stats.tokens, isForged ? 1 : 0);
      device.close();
    });
  }

  for (const way of ["a certificate", "TLS-PSK"] as const) {
    it(`cannot put a byte in where the link proves both ends (link, ${way})`, async () => {
      cloud = await startCloud({
        tls: way === "TLS-PSK" ? { psk: true } : { clientCertificates: "required" },
      });
      tap = await Tap.start(cloud.port);
      await cloud.addDevice(DEVICE);
      const own = way === "TLS-PSK" ? { psk: true } : await cloud.issueCertificate(DEVICE.id);
      const ca = way === "TLS-PSK" ? {} : { ca: cloud.authority?.cert ?? "" };
      const device = simulateDevice({
        cloud: `mqtts://127.0.0.1:${tap.port}`,
        ...DEVICE,
        tls: { ...ca, ...own } as NonNullable<Parameters<typeof simulateDevice>[0]["tls"]>,
        limits: { backoffBaseMs: 50 },
      });
      await device.ready();
      const lost = cloud.next("disconnected");
      tap.inject(forged(mqtt));
      await lost;
      assert.equal(cloud.stats.tokens, 0);
      await device.ready();
      assert.equal(cloud.checkToken((await device.host(HOST).getToken()).token, HOST).active, true);
      device.close();
    });
  }
});
