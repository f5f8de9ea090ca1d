// A sensor that wakes every ten minutes, posts a reading with a token that its server can check, and sleeps deeply.
//
// When the device is set up, three files are put into an empty Storage, in this order: motekey
// (dist/espruino/motekey.js), .bootcde (this file, which runs at each boot), and setup.json:
//   { "id": "device_123", "psk": "…", "ssid": "…", "password": "…", "periodMs": 600000,
//     "cloud": { "host": "mqtt.example.com", "port": 1883 }, "app": { "host": "app.example.com", "port": 80 } }
const storage = require("Storage");
const wifi = require("Wifi");
const motekey = require("motekey");

// Whoever reaches the REPL over the network owns the device; ESP32 builds start it with Wi-Fi, others lack it.
try {
  require("TelnetServer").setOptions({ mode: "off" });
} catch (_none) {
  // Nothing listens.
}

const WOKEN_BY_TIMER = 4;

// At the first boot the key moves to where motekey keeps it, and its counter and token after it.
function setUp() {
  const setup = storage.readJSON("setup.json");
  if (setup === undefined) return;
  if (motekey.writeCredential({ deviceId: setup.id, psk: setup.psk }) !== 0)
    throw new Error("The credential could not be written");
  delete setup.psk;
  storage.writeJSON("device.json", setup);
  storage.erase("setup.json");
  storage.compact(); // until then the key can be read in what was erased
}

setUp();
const device = storage.readJSON("device.json");

// At each boot, and before anything that may fail: how long the device slept is true of this one only. What counts
// while it sleeps is up to 5 % off, and starting takes a while.
const auth = motekey.createAuth({
  cloud: device.cloud,
  limits: { hosts: 1, waiters: 2, calls: 2 },
  sleptMs: ESP32.getWakeupCause() === WOKEN_BY_TIMER ? device.periodMs * 1.1 + 10000 : undefined,
});
const app = auth.host(device.app.host);
auth.suspend(); // a token that was kept needs no connection

function post(token, told) {
  const body = JSON.stringify({ time: Math.round(getTime()), temperature: E.getTemperature() });
  const request = require("http").request(
    {
      host: device.app.host,
      port: device.app.port,
      path: "/readings",
      method: "POST",
      headers: {
        Authorization: `Bearer ${token.token}`,
        "Content-Type": "application/json",
        "Content-Length": body.length,
      },
    },
    (response) => {
      response.on("data", () => {});
      response.on("close", () => told(Number(response.statusCode)));
    },
  );
  request.on("error", () => told(0));
  request.end(body);
}

function report(isRetry) {
  let isTold = false;
  app.getToken((status, token) => {
    isTold = true;
    if (status !== 0) {
      print("motekey doctor --status", auth.explain().status);
      return sleep();
    }
    const generation = token.generation;
    post(token, (code) => {
      print("posted", code);
      // Refused: the next token is a new one. A second refusal is for a person to look at.
      if (code === 401 && app.rejected(generation) === 0 && !isRetry) report(true);
      else sleep();
    });
  });
  setTimeout(() => {
    if (!isTold) auth.resume();
  }, 50);
}

// `close` keeps the token; what it says to the broker leaves before the radio goes off.
function sleep() {
  auth.close();
  setTimeout(() => {
    wifi.disconnect();
    ESP32.deepSleep(device.periodMs * 1000);
  }, 500);
}

// The clock runs on while the device sleeps; after a power cut it is set first, since tokens live by it.
function untilClock() {
  if (getTime() > 1.7e9) return report(false);
  wifi.setSNTP("pool.ntp.org", 0);
  setTimeout(untilClock, 1000);
}

wifi.connect(device.ssid, { password: device.password }, (error) => {
  if (!error) return untilClock();
  print("no Wi-Fi", error);
  sleep();
});
