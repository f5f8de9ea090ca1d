/**
 * A device that listens for commands and reports on the connection that it has for its tokens: a second one rarely
 * fits. Its credential is given at the desk, as for the example `token` beside it:
 *
 *     mcconfig -d -m -p esp32 ssid=… password=… id=device_123 psk=… cloud=mqtt.example.com
 */

import config from "mc/config";
import { createAuth, ModdableLink, moddablePorts, Status, writeCredential } from "motekey";
import { sentenceOf } from "motekey/explain";
import { type MessagePiece, Messages } from "motekey/messages";
import { PreferenceStore } from "motekey/preference";
import Timer from "timer";

const REPORT_MS = 600_000;

const id = String(config.id);
const store = new PreferenceStore("motekey");
if (typeof config.psk === "string") {
  const status = writeCredential(store, { deviceId: id, psk: config.psk });
  if (status !== Status.OK) throw new Error(`the credential was not kept: ${sentenceOf(status)}`);
}

const messages = new Messages({ filters: 1, topicBytes: 64 });
const cloud = { host: String(config.cloud), port: Number(config.port ?? 1883) };
createAuth({ cloud, messages }, moddablePorts({ link: new ModdableLink(), store }));
const up = messages.topic(`app/${id}/up`);

const onEnd = (status: Status): void => {
  if (status !== Status.OK) trace(`${sentenceOf(status)}\n`);
};

/** BUSY is no harm: the report before is on its way. */
const report = (): void => {
  const text = JSON.stringify({ atMs: Date.now() });
  messages.publish(up, new Uint8Array(ArrayBuffer.fromString(text)), 1, onEnd);
};

/** A command is short: what comes in one piece is looked at, the rest is let pass. */
const onCommand = ({ bytes, from, to, at, payloadLength }: MessagePiece): void => {
  if (at > 0 || to - from !== payloadLength) return;
  if (String.fromArrayBuffer(bytes.slice(from, to).buffer) === "report") report();
};

messages.subscribe(`app/${id}/command`, onCommand, onEnd);
Timer.repeat(report, REPORT_MS);
