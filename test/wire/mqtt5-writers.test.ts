/** What the firmware writes in MQTT 5 is what mqtt-packet reads. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Packet, parser } from "mqtt-packet";
import {
  authLength,
  type Connect5Fields,
  connect5Length,
  publish5HeaderLength,
  subscribe5Length,
  writeAuth,
  writeConnect5,
  writeDisconnect5,
  writePublish5Header,
  writeSubscribe5,
} from "../../firmware/wire/mqtt/mqtt5.js";

const FIVE = { protocolVersion: 5 } as const;
const word = fc.stringMatching(/^[a-z]{1,12}$/);

/** The packet that mqtt-packet reads from what a writer puts into a buffer of the length that it named. */
function readBack(length: number, write: (out: Uint8Array) => number, payload = Buffer.alloc(0)): Packet {
  const out = Buffer.alloc(length);
  assert.equal(write(out), length, "the companion said the length");
  const packets: Packet[] = [];
  const reader = parser(FIVE);
  reader.on("packet", (packet: Packet) => packets.push(packet));
  reader.on("error", (error: Error) => assert.fail(error));
  reader.parse(Buffer.concat([out, payload]));
  assert.equal(packets.length, 1);
  return packets[0] as Packet;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("MQTT 5 writers", () => {
  it("write a CONNECT that mqtt-packet reads back", () => {
    fc.assert(
      fc.property(
        word,
        fc.option(word),
        fc.option(fc.uint8Array({ maxLength: 80 })),
        fc.integer({ min: 0, max: 65_535 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 0xffff_fffe }),
        fc.option(fc.tuple(word, fc.uint8Array({ maxLength: 60 }))),
        (id, user, password, keepAliveSeconds, cleanSession, sessionExpirySeconds, exchange) => {
          const fields: Connect5Fields = {
            clientId: bytesOf(id),
            userName: user === null ? null : bytesOf(user),
            password,
            passwordLength: password === null ? 0 : password.length,
            keepAliveSeconds,
            cleanSession,
            sessionExpirySeconds,
            receiveMaximum: sessionExpirySeconds % 65_536,
            method: exchange === null ? null : bytesOf(exchange[0]),
            data: exchange === null ? new Uint8Array(0) : exchange[1],
          };
          const packet = readBack(connect5Length(fields), (out) => writeConnect5(out, 0, fields));
          assert.ok(packet.cmd === "connect");
          const { protocolVersion, clientId, username = null, keepalive, clean } = packet;
          assert.deepEqual(
            [protocolVersion, clientId, username, keepalive, clean],
            [5, id, user, keepAliveSeconds, cleanSession],
          );
          assert.deepEqual(packet.password ?? null, password === null ? null : Buffer.from(password));
          const properties = packet.properties ?? {};
          const { sessionExpiryInterval = 0, receiveMaximum = 0 } = properties;
          const { authenticationMethod, authenticationData } = properties;
          assert.equal(sessionExpiryInterval, sessionExpirySeconds);
          assert.equal(receiveMaximum, sessionExpirySeconds % 65_536);
          assert.equal(authenticationMethod ?? null, exchange === null ? null : exchange[0]);
          if (exchange !== null) assert.deepEqual(authenticationData, Buffer.from(exchange[1]));
        },
      ),
    );
  });

  it("write a PUBLISH with Response Topic and Correlation Data, or without either", () => {
    fc.assert(
      fc.property(
        word,
        fc.constantFrom(0 as const, 1 as const),
        fc.boolean(),
        fc.stringMatching(/^[a-z]{0,150}$/),
        fc.uint8Array({ maxLength: 300 }),
        (topic, qos, again, response, bytes) => {
          const payload = Buffer.from(bytes);
          const correlation = Buffer.from("0123456789abcdef", "hex");
          const length = publish5HeaderLength(topic.length, qos, response.length, 8, payload.length);
          const dup = again && qos > 0;
          const packet = readBack(
            length,
            (out) =>
              writePublish5Header(
                out,
                0,
                {
                  topic: bytesOf(topic),
                  topicLength: topic.length,
                  packetIdentifier: 9,
                  qos,
                  dup,
                  payloadLength: payload.length,
                },
                response === "" ? null : { responseTopic: bytesOf(response), correlation },
              ),
            payload,
          );
          assert.ok(packet.cmd === "publish");
          assert.deepEqual([packet.topic, packet.qos, packet.dup, packet.retain], [topic, qos, dup, false]);
          assert.deepEqual(packet.payload, payload);
          assert.equal(packet.properties?.responseTopic ?? "", response);
          const echoed = packet.properties?.correlationData;
          assert.deepEqual(echoed, response === "" ? undefined : correlation);
        },
      ),
    );
  });

  it("write a SUBSCRIBE at QoS 1 without echoes and retained messages", () => {
    const filter = bytesOf("d/rpc/#");
    const packet = readBack(subscribe5Length(filter.length), (out) => writeSubscribe5(out, 0, 7, filter));
    assert.ok(packet.cmd === "subscribe");
    assert.deepEqual(packet.subscriptions, [{ topic: "d/rpc/#", qos: 1, nl: true, rap: false, rh: 2 }]);
  });

  it("write a DISCONNECT that says why", () => {
    const packet = readBack(4, (out) => writeDisconnect5(out, 0, 0x82));
    assert.deepEqual([packet.cmd, packet.cmd === "disconnect" && packet.reasonCode], ["disconnect", 0x82]);
  });

  it("write an AUTH that continues an exchange", () => {
    const [method, data] = [bytesOf("M"), Buffer.from("00ff", "hex")];
    const packet = readBack(authLength(method, data), (out) => writeAuth(out, 0, method, data));
    assert.ok(packet.cmd === "auth");
    assert.deepEqual(
      [packet.reasonCode, packet.properties?.authenticationMethod, packet.properties?.authenticationData],
      [0x18, "M", data],
    );
  });
});
