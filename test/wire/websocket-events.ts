import assert from "node:assert/strict";
import { Status } from "../../firmware/status.js";
import { HandshakeEvent, type HandshakeReader } from "../../firmware/wire/websocket/handshake.js";
import { WebSocketEvent, WebSocketReader } from "../../firmware/wire/websocket/reader.js";

/** A payload as text: what is not printable ASCII as `\\xNN`. */
export function shown(payload: Uint8Array): string {
  const hex = (byte: string): string => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return Buffer.from(payload)
    .toString("latin1")
    .replace(/[^ -~]/g, hex);
}

/** Reads windows one after the other and tells each event as a line, the pieces of a payload as one. */
export function eventsOf(windows: Uint8Array[], reader = new WebSocketReader()): string[] {
  const lines: string[] = [];
  let payload = "";
  let passed = 0;
  const flush = (): void => {
    if (payload !== "") lines.push(`PAYLOAD ${payload}`);
    payload = "";
  };
  for (const window of windows) {
    reader.at = 0;
    for (;;) {
      const event = reader.read(window, reader.at, window.length);
      if (event === WebSocketEvent.MORE) break;
      if (event === WebSocketEvent.PAYLOAD) {
        const piece = window.subarray(reader.payloadFrom, reader.payloadTo);
        assert.ok(piece.length > 0 && reader.payloadTo === reader.at);
        payload += shown(piece);
        continue;
      }
      flush();
      if (event === WebSocketEvent.REFUSED) {
        return [...lines, `REFUSED ${Status[reader.status]} at ${passed + reader.at}`];
      }
      const ping = shown(reader.ping.subarray(0, reader.pingLength));
      const words = shown(reader.ping.subarray(0, reader.reasonLength));
      if (event === WebSocketEvent.CLOSE) return [...lines, `CLOSE ${reader.closeCode} ${words}`.trimEnd()];
      lines.push(event === WebSocketEvent.PING ? `PING ${ping}`.trimEnd() : WebSocketEvent[event]);
    }
    assert.equal(reader.at, window.length, "MORE leaves no byte behind");
    passed += window.length;
  }
  flush();
  return lines;
}

/** The same of a server's opening handshake: one line; what follows it is not looked at. */
export function handshakeOf(windows: Uint8Array[], reader: HandshakeReader): string {
  let passed = 0;
  for (const window of windows) {
    const event = reader.read(window, 0, window.length);
    if (event === HandshakeEvent.OPENED) return `OPENED at ${passed + reader.at}`;
    if (event === HandshakeEvent.REFUSED) {
      return `REFUSED ${Status[reader.status]} ${reader.code} at ${passed + reader.at}`;
    }
    assert.equal(reader.at, window.length);
    passed += window.length;
  }
  return "MORE";
}
