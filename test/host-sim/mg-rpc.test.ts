/** The dialect mg-rpc on the channels that devices of Mongoose OS and Shelly have: a WebSocket, and MQTT. */
import assert from "node:assert/strict";
import { State, Status } from "../../firmware/index.js";
import { rpcOverWebSocket } from "../../firmware/websocket.js";
import { type MgNonces, MgRpcDevice, MgRpcServer, serveMgRpcByMqtt } from "../servers/mg-rpc.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { Device, type DeviceOptions } from "./device.js";

const SHELLY = "shellyplus1-a8032abe54dc";
const PASSWORD = "correct horse battery staple";
const DEVICE = { id: "device_123", psk: PASSWORD };
const CLOUD = { dialect: "mg-rpc", address: SHELLY, user: "admin" } as const;
const CONFIG = { wifi: { ssid: "home" }, list: Array.from({ length: 400 }, (_, at) => ({ at })) };

function shellyWith(password: string | null, nonces: MgNonces): MgRpcDevice {
  const methods = {
    "Switch.Set": ({ on }: Record<string, unknown>) => ({ was_on: on !== true }),
    "Shelly.GetConfig": () => CONFIG,
    "/v1/Auth.GenerateToken": ({ host }: Record<string, unknown>) => ({ token: `for ${host}` }),
  };
  return new MgRpcDevice({ id: SHELLY, password, nonces, methods });
}

/** What a call of any method comes to: its result, or the status that it ended with. */
function call({ auth }: Device, method: string, params: object = {}): Promise<unknown> {
  const out = new Uint8Array(8_192);
  return new Promise((resolve) => {
    const status = auth.call(method, Buffer.from(JSON.stringify(params)), out, (end, length) => {
      resolve(end === Status.OK ? JSON.parse(Buffer.from(out.subarray(0, length)).toString()) : Status[end]);
    });
    if (status !== Status.OK) resolve(Status[status]);
  });
}

describe("the dialect mg-rpc over a WebSocket", () => {
  let shelly: MgRpcDevice;
  let server: MgRpcServer;
  let device: Device;

  async function start(password: string | null, nonces: MgNonces = "counted"): Promise<void> {
    shelly = shellyWith(password, nonces);
    server = await MgRpcServer.start(shelly);
    const transport = rpcOverWebSocket("/rpc");
    device = new Device(server.port, DEVICE, { proof: "digest", cloud: CLOUD, transport });
  }

  afterEach(async () => {
    device.close();
    await server.close();
  });

  it("asks for no subprotocol at /rpc, shows no password, and names itself in each frame", async () => {
    await start(PASSWORD);
    assert.deepEqual(await call(device, "Switch.Set", { id: 0, on: true }), { was_on: false });
    const [{ url, headers } = { url: "", headers: {} }] = server.upgrades;
    assert.equal(url, "/rpc");
    assert.deepEqual([headers["sec-websocket-protocol"], headers.authorization], [undefined, undefined]);
    assert.deepEqual(
      shelly.frames.map(({ src, method }) => [src, method]),
      [
        ["device_123", "Switch.Set"],
        ["device_123", "Switch.Set"],
      ],
    );
    assert.ok(!JSON.stringify(shelly.frames).includes(PASSWORD));
  });

  for (const nonces of ["seconds", "counted"] as const) {
    it(`proves itself by digest where nonces are ${nonces}, alone, at once and over a reconnect`, async () => {
      await start(PASSWORD, nonces);
      const both = () => Promise.all([call(device, "Switch.Set", { on: true }), device.generateToken("app")]);
      for (let round = 0; round < 3; round++) {
        const [was, { status, token }] = await both();
        assert.deepEqual([was, status, token], [{ was_on: false }, "OK", "for app"]);
        assert.deepEqual(await call(device, "Shelly.GetConfig"), CONFIG);
        const lost = device.next(State.WAITING);
        if (round === 1) shelly.restart();
        server.drop();
        await lost;
      }
      assert.equal(await call(device, "No.Such"), "NOT_FOUND");
    });
  }

  it("needs no password where the device has none", async () => {
    await start(null);
    assert.deepEqual(await call(device, "Switch.Set", { on: false }), { was_on: true });
    assert.equal(shelly.frames.length, 1);
  });

  it("with a wrong password ends each call with UNAUTHENTICATED, and stays connected", async () => {
    await start("another");
    assert.equal(await call(device, "Switch.Set"), "UNAUTHENTICATED");
    assert.equal(await call(device, "Switch.Set"), "UNAUTHENTICATED");
    assert.equal(device.auth.state, State.READY);
  });

  it("drops and counts notifications, of any size, and gets its answers between them", async () => {
    await start(PASSWORD);
    await call(device, "Switch.Set");
    const status = { ts: 1_631_186_545.04, "switch:0": { id: 0, output: true, source: "button" } };
    server.notify("NotifyStatus", status);
    const answer = call(device, "Shelly.GetConfig");
    server.notify("NotifyFullStatus", { ...status, config: CONFIG });
    server.notify("NotifyEvent", { ts: 1_631_266_595.43, events: [{ component: "input:0", event: "push" }] });
    assert.deepEqual(await answer, CONFIG);
    const { requestsDropped, requestsRefused, malformed, losses } = device.auth.counters;
    assert.deepEqual([requestsDropped, requestsRefused, malformed, losses], [3, 0, 0, 0]);
  });
});

describe("the dialect mg-rpc over mosquitto", () => {
  for (const [password, nonces] of [
    [PASSWORD, "seconds"],
    [PASSWORD, "counted"],
    [null, "counted"],
  ] as const) {
    const how = password === null ? "without a password" : `by digest with nonces that are ${nonces}`;
    it(`calls methods of a device and gets its token, ${how}`, async function () {
      const program = findMosquitto(this);
      const users = [
        { id: DEVICE.id, password: DEVICE.psk },
        { id: SHELLY, password: "of the broker" },
      ];
      const rules = [
        `user ${SHELLY}`,
        `topic read ${SHELLY}/rpc`,
        "topic write +/rpc",
        `user ${DEVICE.id}`,
        `topic write ${SHELLY}/rpc`,
      ];
      const broker = await startMosquitto(program, users, rules);
      const shelly = shellyWith(password, nonces);
      const served = await serveMgRpcByMqtt(shelly, broker.url, "of the broker");
      const options: DeviceOptions = { proof: "password+digest", cloud: CLOUD };
      const device = new Device(broker.port, DEVICE, options);
      try {
        const calls = [call(device, "Switch.Set", { on: true }), call(device, "Shelly.GetConfig")];
        assert.deepEqual(await calls[0], { was_on: false });
        assert.equal(await calls[1], "BUSY");
        assert.deepEqual(await call(device, "Shelly.GetConfig"), CONFIG);
        assert.equal((await device.getToken("app")).token, "for app");
        assert.equal(await call(device, "No.Such"), "NOT_FOUND");
      } finally {
        device.close();
        served.close();
        await broker.close();
      }
    });
  }
});
