/** What holds on one connection, and that the next one begins without it. */

import assert from "node:assert/strict";
import { cbor } from "../../firmware/cbor.js";
import { mqtt, State, Status } from "../../firmware/index.js";
import { Messages } from "../../firmware/messages.js";
import { mqtt5 } from "../../firmware/mqtt5.js";
import { Terms } from "../../firmware/transport/terms.js";
import { explain } from "../../host-sim/explain.js";
import { World, type WorldOptions } from "./world.js";

/** Ids are counted from one connection to the next. */
const COUNTED = ["subscribeIdentifier", "encodedIdentifier"];

const versions = (world: World): string => world.peer.connects.map((c) => c.packet.protocolVersion).join(" ");

const inside = (object: object, ...path: string[]): object =>
  path.reduce((found, name) => Reflect.get(found, name) as object, object);

/** The numbers and truth values that a device's channel holds, and those of its terms. */
function scalarsOf(world: World): Record<string, unknown> {
  const channel = inside(world.client, "driver", "auth", "session", "channel");
  const terms = inside(channel, "terms");
  assert.ok(terms instanceof Terms);
  return Object.fromEntries(
    [channel, terms]
      .flatMap((object) => Object.entries(object))
      .filter(([name, value]) => /number|boolean/.test(typeof value) && !COUNTED.includes(name)),
  );
}

/** A device whose app has messages, and whose broker and cloud know everything. */
function five(options: WorldOptions = {}): World {
  const world = new World({ transport: mqtt5, messages: new Messages(), encoding: cbor, ...options });
  world.peer.answer = (request) =>
    request.frame.method === "/v1/Hello"
      ? { result: { time: 1_700_000_000, ext: { cbor: 1 } } }
      : world.service.answer(request);
  return world;
}

describe("what one connection learned", () => {
  it("the next one knows nothing of: limits, encoding, what is under way", () => {
    const fresh = five().ready();
    const world = five();
    world.peer.grants = { serverKeepAlive: 7, receiveMaximum: 3, maximumPacketSize: 500 };
    world.ready();
    world.until(() => scalarsOf(world).isEncoded === true);
    world.peer.intercept = ({ cmd }) => cmd === "publish";
    world.get();
    world.advance(100);
    const { idleMs, receiveMaximum, packetBytesMax, inFlight, isEncoded } = scalarsOf(world);
    assert.deepEqual([idleMs, receiveMaximum, packetBytesMax, inFlight, isEncoded], [5_250, 3, 500, 1, true]);

    world.peer.intercept = () => false;
    world.peer.grants = {};
    world.peer.answer = fresh.peer.answer = () => undefined;
    world.peer.kick();
    fresh.peer.kick();
    for (const each of [world, fresh]) each.until(() => each.client.state !== State.READY).ready();
    world.advance(100);
    fresh.advance(100);
    assert.deepEqual(scalarsOf(world), scalarsOf(fresh));
  });

  for (const serverKeepAlive of [0, 3_600]) {
    it(`a Server Keep Alive of ${serverKeepAlive} ends with the connection that it was given on`, () => {
      const world = new World({ transport: mqtt5 });
      world.peer.grants = { serverKeepAlive };
      world.ready();
      world.peer.grants = {};
      world.peer.kick();
      world.until(() => world.client.state !== State.READY).ready();
      world.advance(45_100);
      assert.equal(world.peer.packets.filter(({ cmd }) => cmd === "pingreq").length, 1);
    });
  }
});

describe("MQTT 5 falls back to 3.1.1", () => {
  let world: World;
  /** How the broker meets each CONNECT: it serves, is silent and hangs up, or refuses the version. */
  let manner: "serves" | "hangs up" | "refuses";

  function start(options: WorldOptions = {}): void {
    world = new World({ transport: mqtt5, limits: { stableMs: 1_000 }, ...options });
    world.peer.intercept = (packet) => {
      if (packet.cmd !== "connect" || packet.protocolVersion !== 5) return false;
      if (manner === "hangs up") world.peer.kick();
      if (manner === "refuses") {
        world.peer.sendBytes(Buffer.from("20020001", "hex"));
        world.time.after(20, () => world.peer.kick());
      }
      return manner !== "serves";
    };
  }

  const again = (): void => {
    world.advance(2_000);
    world.peer.kick();
    world.until(() => world.client.state !== State.READY).ready();
  };

  it("for one connection when a CONNACK is lost, and explain() says which version is spoken", () => {
    manner = "serves";
    start();
    world.ready();
    assert.equal(explain(world.client).transport, "mqtt5");
    manner = "hangs up";
    again();
    assert.deepEqual([versions(world), explain(world.client).transport], ["5 5 4", "mqtt"]);
    manner = "serves";
    again();
    assert.deepEqual([versions(world), explain(world.client).transport], ["5 5 4 5", "mqtt5"]);
  });

  it("again each time where a broker hangs up on 5", () => {
    manner = "hangs up";
    start();
    world.ready();
    again();
    assert.equal(versions(world), "5 4 5 4");
  });

  it("for good where the broker says that it knows no 5", () => {
    manner = "refuses";
    start();
    world.ready();
    again();
    again();
    assert.equal(versions(world), "5 4 4 4");
  });

  it("at that place alone: another one is spoken to in 5", () => {
    manner = "refuses";
    start({ cloud: { alternatives: [{ host: "b.example.com" }] } });
    world.ready();
    manner = "serves";
    world.peer.kick();
    world.until(() => world.client.state !== State.READY).ready();
    assert.deepEqual(world.peer.addresses, [
      "cloud.example.com:1883",
      "cloud.example.com:1883",
      "b.example.com:1883",
    ]);
    assert.equal(versions(world), "5 4 5");
  });

  it("never because a place did not answer in time, or could not be reached", () => {
    manner = "serves";
    start();
    world.peer.intercept = () => true;
    world.until(() => explain(world.client).status === Status.CONNECT_TIMEOUT);
    world.peer.isReachable = false;
    world.until(() => explain(world.client).status === Status.UNREACHABLE);
    world.peer.isReachable = true;
    world.peer.intercept = () => false;
    world.ready();
    assert.equal(versions(world), "5 5");
  });

  it("and a transport of 3.1.1 says so", () => {
    assert.equal(explain(new World({ transport: mqtt }).ready().client).transport, "mqtt");
  });
});
