// A device that listens for commands and reports its temperature on the connection that it has for its tokens: a
// second one rarely fits. Goes into Storage with motekey, motekey-messages (both from dist/espruino), and setup.json,
// as token.js beside it describes.
const storage = require("Storage");
const motekey = require("motekey");
const Messages = require("motekey-messages").Messages;

// Whoever reaches the REPL over the network owns the device; ESP32 builds start it with Wi-Fi, others lack it.
try {
  require("TelnetServer").setOptions({ mode: "off" });
} catch (_none) {
  // Nothing listens.
}

const setup = storage.readJSON("setup.json");
const messages = new Messages({ filters: 1 });
if (motekey.writeCredential({ deviceId: setup.id, psk: setup.psk }) !== 0)
  throw new Error("The credential could not be written");

motekey.createAuth({ cloud: setup.cloud, messages: messages, limits: { hosts: 1, waiters: 2, calls: 2 } });

// A text has one byte per character; what was cut is longer than it.
function onCommand(message) {
  if (message.payload === "report") report();
}

function onEnd(status) {
  if (status !== 0) console.log("message", status);
}

function report() {
  // BUSY: the one before is on its way.
  messages.publish(`app/${setup.id}/temperature`, E.getTemperature().toFixed(1), 1, onEnd);
}

messages.subscribe(`app/${setup.id}/command`, onCommand, onEnd);
setInterval(report, setup.periodMs);
