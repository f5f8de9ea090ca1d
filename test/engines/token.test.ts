import assert from "node:assert/strict";
import { type AuthOptions, type Proof, Status } from "../../firmware/index.js";
import { type Cloud, type CloudEvent, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { findMosquitto, type Mosquitto, startMosquitto } from "../servers/mosquitto.js";
import { Tell } from "./device.js";
import { requireXs } from "./require-xs.js";
import { XsDevice } from "./xs-device.js";

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HOST = "app.example.com";
/** The window of an adapter. */
const WINDOW_BYTES = 512;

/** How the cloud sees the proof of a frame. */
const FRAME_PROOFS: [proof: Proof, frameProof: string][] = [
  ["counter+mac", "mac"],
  ["counter", "link"],
  ["mac", "mac"],
  ["password", "link"],
  ["password+mac", "mac"],
  ["password+key", "key"],
  ["password+digest", "digest"],
  ["key", "key"],
  ["digest", "digest"],
];

describe("the firmware on XS gets a token", () => {
  let cloud: Cloud;
  let device: XsDevice | undefined;
  let events: CloudEvent[];

  before(requireXs);

  afterEach(async () => {
    await device?.close();
    device = undefined;
    await cloud?.close();
  });

  async function start(
    proof: Proof,
    options: CloudOptions = {},
    windowBytes = WINDOW_BYTES,
  ): Promise<XsDevice> {
    events = [];
    cloud = await startCloud({ ...options, log: (event) => events.push(event) });
    await cloud.addDevice({ id: ID, psk: PSK });
    const auth: AuthOptions = {
      deviceId: ID,
      cloud: { host: "127.0.0.1", port: cloud.port },
      credential: { psk: PSK, counter: 1 },
      proof,
      allowInsecure: true,
    };
    device = await XsDevice.start(auth, windowBytes);
    return device;
  }

  /** A first token, the same again from memory, and a new one; all three good at the cloud. */
  async function getTokens(xs: XsDevice, frameProof: string): Promise<void> {
    const first = await xs.token(Tell.GET_TOKEN, HOST);
    assert.equal(Status[first.status], "OK");
    const asked = requests().length;
    const cached = await xs.token(Tell.GET_TOKEN, HOST);
    assert.deepEqual(cached, first);
    assert.equal(requests().length, asked);
    const renewed = await xs.token(Tell.GENERATE_TOKEN, HOST);
    assert.equal(Status[renewed.status], "OK");
    assert.notEqual(renewed.token, first.token);
    for (const { token } of [first, renewed]) {
      const check = cloud.checkToken(token, HOST);
      assert.ok(check.active && check.sub === ID);
    }
    assert.deepEqual(
      requests().map((event) => event.proof),
      [frameProof, frameProof],
    );
  }

  const requests = () =>
    events
      .filter((event) => event.event === "request")
      .filter(({ method }) => method === "/v1/Auth.GenerateToken");

  describe("from the embedded broker", () => {
    for (const [proof, frameProof] of FRAME_PROOFS) {
      it(`with the proof ${proof}`, async () => {
        // A device that proved its connection is challenged only by a cloud that wants each frame proved.
        const requireFrameProof = frameProof !== "link";
        await getTokens(await start(proof, { requireFrameProof }), frameProof);
      });
    }

    it("when each byte comes by itself", async () => getTokens(await start("counter+mac", {}, 1), "mac"));
  });

  describe("from mosquitto, the cloud attached to it", () => {
    let broker: Mosquitto;
    before(async function () {
      broker = await startMosquitto(findMosquitto(this), [{ id: ID, password: PSK }]);
    });
    after(() => broker?.close());

    // A broker that knows passwords only checks no counters, and lets nobody in without a password.
    for (const [proof, frameProof] of FRAME_PROOFS.filter(([name]) => name.startsWith("password"))) {
      it(`with the proof ${proof}`, async () => {
        const options = { broker: broker.cloudUrl, topicsBound: proof === "password" };
        await getTokens(await start(proof, options), frameProof);
      });
    }
  });
});
