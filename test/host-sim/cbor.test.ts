/** Frames in CBOR over real connections: the firmware's codec at one end, cbor-x at the other. */
import assert from "node:assert/strict";
import type { IPublishPacket } from "mqtt-packet";
import { cbor } from "../../firmware/cbor.js";
import { type Proof, Status } from "../../firmware/index.js";
import { type Cloud, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { Device, type DeviceOptions } from "./device.js";
import { packetsIn, type Recording, Tap } from "./tap.js";

const DEVICE = { id: "device_123", psk: "correct-horse-battery-staple-0123456789abcde" };
const BACKEND = { id: "backend_1", psk: "the-key-of-the-backend-0123456789abcdefghij" };
const HOST = "app.example.com";
const PROOFS: readonly Proof[] = ["counter+mac", "counter", "password", "password+key"];

describe("CBOR frames between the firmware and the cloud", () => {
  let cloud: Cloud;
  let tap: Tap;
  let closing: (() => unknown)[];

  beforeEach(() => {
    closing = [];
  });

  afterEach(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function start(options: CloudOptions = {}, port?: number): Promise<void> {
    cloud = await startCloud(options);
    closing.push(() => cloud.close());
    await cloud.addDevice(DEVICE);
    await cloud.addDevice({ ...BACKEND, role: "backend" });
    tap = await Tap.start(port ?? cloud.port);
    closing.push(() => tap.close());
  }

  function connect(options: DeviceOptions, identity = DEVICE): Device {
    const device = new Device(tap.port, identity, { encoding: cbor, counter: 1, ...options });
    closing.push(() => device.close());
    return device;
  }

  const publishesIn = (bytes: Buffer): IPublishPacket[] =>
    packetsIn(bytes).filter((packet): packet is IPublishPacket => packet.cmd === "publish");
  const isEncoded = ({ topic }: IPublishPacket): boolean => topic.endsWith("/rpc-cbor");

  /** Connects, and asks until a request leaves in CBOR: Hello's answer and SUBACK come when they come. */
  async function encoded(options: DeviceOptions, identity = DEVICE): Promise<[Device, Recording]> {
    const device = connect(options, identity);
    await device.settled();
    const recording = tap.recordings.at(-1) as Recording;
    while (!publishesIn(recording.sent()).some(isEncoded)) await device.settled();
    return [device, recording];
  }

  async function useAll(device: Device, backend: Device): Promise<void> {
    const first = await device.getToken(HOST);
    const second = await device.generateToken(HOST);
    assert.deepEqual([first.status, second.status], ["OK", "OK"]);
    assert.equal(cloud.checkToken(second.token, HOST).active, true);
    assert.deepEqual(await device.listTokens(), { status: "OK", hosts: [HOST] });
    assert.equal((await device.revokeToken(HOST)).status, "OK");
    assert.equal(cloud.checkToken(second.token, HOST).active, false);
    assert.deepEqual(
      await new Promise((resolve) =>
        backend.auth.authenticate(DEVICE.id, { psk: DEVICE.psk }, (status, value) =>
          resolve([status, value]),
        ),
      ),
      [Status.OK, true],
    );
    assert.deepEqual(
      await new Promise((resolve) =>
        backend.auth.authorizeCommand("stranger", DEVICE.id, "/v1/Off", (status, value) =>
          resolve([status, value]),
        ),
      ),
      [Status.NOT_ALLOWED, false],
    );
  }

  for (const proof of PROOFS) {
    it(`carry the six methods, proved by ${proof}, both ways`, async () => {
      await start({ requireFrameProof: false });
      const [device, ...recordings] = await encoded({ proof });
      const [backend, backendRecording] = await encoded({ proof }, BACKEND);
      recordings.push(backendRecording);
      const flows = recordings.flatMap((one) => [() => one.sent(), () => one.received()]);
      const before = flows.map((flow) => publishesIn(flow()).length);
      await useAll(device, backend);
      for (const [index, flow] of flows.entries()) {
        const later = publishesIn(flow()).slice(before[index]);
        assert.ok(later.length > 0 && later.every(isEncoded), `flow ${index}`);
      }
      assert.equal(device.auth.counters.malformed, 0);
    });
  }

  it("errors come in CBOR too, and are told as ever", async () => {
    await start();
    const [device] = await encoded({});
    cloud.faults.error = { code: 429, retryAfter: 60, when: true };
    const call = new Promise<Status>((resolve) => device.auth.authenticate("x", { psk: "y" }, resolve));
    assert.equal(await call, Status.THROTTLED);
    cloud.faults.error = null;
    const forbidden = new Promise<Status>((resolve) => device.auth.authenticate("x", { psk: "y" }, resolve));
    assert.equal(await forbidden, Status.FORBIDDEN);
  });

  it("with a wrong MAC are refused", async () => {
    await start();
    const [device] = await encoded({ proof: "counter+mac" });
    cloud.faults.wrongMac = 1;
    assert.equal((await device.getToken(HOST)).status, "OK");
    assert.equal(device.auth.counters.macRefused, 1);
  });

  it("are not spoken to a cloud without the extension, nor answered by it", async () => {
    await start({ extensions: { cbor: false } });
    const device = connect({});
    await device.settled();
    assert.equal((await device.getToken(HOST)).status, "OK");
    assert.ok(!publishesIn(tap.sent()).some(isEncoded));
  });

  it("pass mosquitto, with topics bound to users", async function () {
    const program = findMosquitto(this);
    const users = [DEVICE, BACKEND].map(({ id, psk }) => ({ id, password: psk }));
    const broker = await startMosquitto(program, users);
    closing.push(() => broker.close());
    await start({ broker: broker.cloudUrl, topicsBound: true }, broker.port);
    const [device] = await encoded({ proof: "password" });
    const [backend] = await encoded({ proof: "password" }, BACKEND);
    await useAll(device, backend);
  });
});
