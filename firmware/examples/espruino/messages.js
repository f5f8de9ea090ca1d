// A device that listens for commands and reports its temperature on the connection that it has for its tokens: a
// second one rarely fits. Goes into Storage with motekey (dist/espruino/motekey-messages.js, under that name) and
// setup.json, as token.js beside it tells.
const storage = require("Storage");
const motekey = require("motekey");

require("TelnetServer").setOptions({ mode: "off" });

const setup = storage.readJSON("setup.json");
const ports = motekey.espruinoPorts({});
const messages = new motekey.Messages({ filters: 1, topicBytes: 64 });
if (motekey.writeCredential(ports.store, { deviceId: setup.id, psk: setup.psk }) !== 0)
  throw new Error("The credential could not be written");

motekey.createAuth(
  { cloud: setup.cloud, messages: messages, limits: { slots: 1, hosts: 1, waiters: 2, calls: 2 } },
  ports,
);
const up = messages.topic(`app/${setup.id}/temperature`);

// A command is short: what comes in one piece is looked at, the rest is let pass.
function onCommand(piece) {
  if (piece.at > 0 || piece.to - piece.from !== piece.payloadLength) return;
  const text = E.toString(
    new Uint8Array(piece.bytes.buffer, piece.bytes.byteOffset + piece.from, piece.payloadLength),
  );
  if (text === "report") report();
}

function onEnd(status) {
  if (status !== 0) console.log("message", status);
}

function report() {
  const text = E.getTemperature().toFixed(1);
  messages.publish(up, new Uint8Array(E.toArrayBuffer(text)), 1, onEnd); // BUSY: the one before is on its way
}

messages.subscribe(`app/${setup.id}/command`, onCommand, onEnd);
setInterval(report, setup.periodMs);
