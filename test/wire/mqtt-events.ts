import assert from "node:assert/strict";
import { Status } from "../../firmware/status.js";
import { MqttEvent, MqttReader } from "../../firmware/wire/mqtt/reader.js";

/** Reads windows one after the other and tells each event as a line, `more` behind it; the pieces of a payload as one. */
export function eventsOf(
  windows: Uint8Array[],
  reader = new MqttReader(1000),
  more: (event: MqttEvent) => string = () => "",
): string[] {
  const lines: string[] = [];
  let payload = "";
  let passed = 0;
  for (const window of windows) {
    reader.at = 0;
    for (;;) {
      const event = reader.read(window, reader.at, window.length);
      if (event === MqttEvent.MORE) break;
      if (event === MqttEvent.REFUSED) {
        return [...lines, `REFUSED ${Status[reader.status]} at ${passed + reader.at}`];
      }
      if (event === MqttEvent.PAYLOAD) {
        const piece = window.subarray(reader.payloadFrom, reader.payloadTo);
        assert.ok(piece.length > 0 && reader.payloadTo === reader.at);
        payload += Buffer.from(piece).toString("latin1");
        continue;
      }
      if (event === MqttEvent.MESSAGE && payload !== "") lines.push(`PAYLOAD ${payload}`);
      payload = "";
      lines.push(lineOf(event, reader) + more(event));
    }
    assert.equal(reader.at, window.length, "MORE leaves no byte behind");
    passed += window.length;
  }
  return lines;
}

function lineOf(event: MqttEvent, reader: MqttReader): string {
  const words = [MqttEvent[event]];
  const isPublish = event === MqttEvent.PUBLISH;
  if (event === MqttEvent.CONNACK) words.push(`sessionPresent=${reader.sessionPresent}`);
  if (isPublish) words.push(Buffer.from(reader.topic.subarray(0, reader.topicLength)).toString());
  if (isPublish) words.push(`qos=${reader.qos}`);
  if (isPublish && reader.dup) words.push("dup");
  if (isPublish && reader.retain) words.push("retain");
  if (event !== MqttEvent.MESSAGE && reader.packetIdentifier > 0) {
    words.push(`packetIdentifier=${reader.packetIdentifier}`);
  }
  if (isPublish) words.push(`payload=${reader.payloadLeft}`);
  if (event === MqttEvent.CONNACK || event === MqttEvent.SUBACK)
    words.push(`returnCode=${reader.returnCode}`);
  return words.join(" ");
}
