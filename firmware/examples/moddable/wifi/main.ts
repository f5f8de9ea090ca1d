/**
 * A device that is given its Wi-Fi network over the serial port, by Improv Serial: from `motekey device wifi`, or from
 * any web page that speaks it. It keeps the network that it joined in flash, and joins it after every start.
 *
 * The build names no secret. Without `-d`: the debugger has the same port.
 *
 *     mcconfig -m -p esp32
 *     motekey device flash --id device_123 --psk-file device_123.psk --set motekey.cloud=string:mqtt.example.com
 *     motekey device wifi --ssid …
 */

import device from "embedded:provider/builtin";
import config from "mc/config";
import { createAuth, ModdableLink, moddablePorts } from "motekey";
import { sentenceOf } from "motekey/explain";
import { PreferenceStore } from "motekey/preference";
import Net from "net";
import Preference from "preference";
import SNTP from "sntp";
import Time from "time";
import Timer from "timer";
import WiFi from "wifi";
import { ImprovDevice } from "./improv.js";

const JOIN_MS_MAX = 30_000;
const JOIN_AGAIN_MS = 5_000;

/** `device flash --set wifi.ssid=string:… --settings FILE` writes the same values. */
const kept = (name: "ssid" | "password"): string => String(Preference.get("wifi", name) ?? "");

const auth = (): void => {
  const cloud = { host: String(Preference.get("motekey", "cloud")), port: Number(config.port ?? 1883) };
  const ports = moddablePorts({ link: new ModdableLink(), store: new PreferenceStore("motekey") });
  const app = createAuth({ cloud }, ports).host(String(config.app));
  app.getToken((status) => trace(`${sentenceOf(status)}\n`));
};

/** The clock is set once, and the work begins. */
let hasBegun = false;
const begin = (): void => {
  if (hasBegun) return;
  hasBegun = true;
  new SNTP({ host: String(config.sntp) }, (message, value) => {
    if (message === SNTP.time) Time.set(Number(value));
    if (message === SNTP.time || message === SNTP.error) auth();
  });
};

let monitor: WiFi | undefined;
let guard: Timer | undefined;
let isJoined = false;

const leave = (): void => {
  if (guard !== undefined) Timer.clear(guard);
  guard = undefined;
  monitor?.close();
  monitor = undefined;
  isJoined = false;
};

/** What was kept before is kept until the new network has let the device in. */
const onJoined = (ssid: string, password: string): void => {
  if (guard !== undefined) Timer.clear(guard);
  guard = undefined;
  isJoined = true;
  if (kept("ssid") !== ssid) Preference.set("wifi", "ssid", ssid);
  if (kept("password") !== password) Preference.set("wifi", "password", password);
  improv.joined(`http://${Net.get("IP")}`);
  begin();
};

/** Not there: the network that was kept is tried again, after a while. */
const onLost = (): void => {
  leave();
  WiFi.disconnect();
  improv.failed();
  if (kept("ssid") !== "") guard = Timer.set(() => join(kept("ssid"), kept("password")), JOIN_AGAIN_MS);
};

const join = (ssid: string, password: string): void => {
  leave();
  guard = Timer.set(onLost, JOIN_MS_MAX);
  monitor = new WiFi({ ssid, password }, (message) => {
    if (message === WiFi.gotIP) onJoined(ssid, password);
    // While it joins, the chip tries several times, and says so each time.
    else if (message === WiFi.disconnected && isJoined) onLost();
  });
};

/** The transmitter takes few bytes at once: the rest waits until it says that it has room. */
let pending = new Uint8Array(0);
let room = 0;
const pump = (): void => {
  const length = Math.min(room, pending.length);
  if (length === 0) return;
  serial.write(pending.slice(0, length).buffer);
  pending = pending.slice(length);
  room -= length;
};

const improv = new ImprovDevice({
  info: ["motekey wifi example", "1", String(config.chip ?? "ESP32"), String(Net.get("MAC"))],
  encode: (text) => new Uint8Array(ArrayBuffer.fromString(text)),
  decode: (bytes) => String.fromArrayBuffer(bytes.slice().buffer),
  join,
  scan(found, done) {
    WiFi.scan({}, (network) => {
      if (network === null) done();
      else found(network.ssid, network.rssi, network.authentication === "none");
    });
  },
  send(bytes) {
    const all = new Uint8Array(pending.length + bytes.length);
    all.set(pending);
    all.set(bytes, pending.length);
    pending = all;
    pump();
  },
});

const serial = new device.io.Serial({
  ...device.Serial.default,
  baud: 115_200,
  format: "buffer",
  onReadable() {
    const bytes = this.read();
    if (bytes instanceof ArrayBuffer) improv.hear(new Uint8Array(bytes));
  },
  onWritable(count) {
    room = count;
    pump();
  },
});

if (kept("ssid") !== "") join(kept("ssid"), kept("password"));
