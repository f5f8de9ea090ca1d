// A sensor that posts a reading every ten minutes, with a token that its server can check.
//
// In Storage lie motekey (dist/espruino/motekey.js) and device.json, written once when the device is set up:
//   { "id": "device_123", "psk": "…", "ssid": "…", "password": "…", "periodMs": 600000,
//     "cloud": { "host": "mqtt.example.com", "port": 1883 }, "app": { "host": "app.example.com", "port": 80 } }
const storage = require("Storage");
const wifi = require("Wifi");
const motekey = require("motekey");

const device = storage.readJSON("device.json");

// Whoever reaches the REPL over the network owns the device; ESP32 builds start it with Wi-Fi.
require("TelnetServer").setOptions({ mode: "off" });

// A counter proves a connection once. Storage kills the old value before it writes the new one, so two names take
// turns: a power cut leaves one of them. Each boot has 65,536 counters, and writes once.
function nextBoot() {
  const even = Number(storage.read("boot.0") || 0);
  const odd = Number(storage.read("boot.1") || 0);
  const boot = Math.max(even, odd) + 1;
  storage.write(`boot.${boot & 1}`, `${boot}`);
  return boot;
}

const credential = { psk: device.psk, counter: nextBoot() * 65536 };
let auth;
let app;

function post(token, told) {
  const body = JSON.stringify({ time: Math.round(getTime()), temperature: E.getTemperature() });
  const request = require("http").request(
    {
      host: device.app.host,
      port: device.app.port,
      path: "/readings",
      method: "POST",
      headers: {
        Authorization: `Bearer ${E.toString(new Uint8Array(token.bytes.buffer, 0, token.length))}`,
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

function work(isRetry) {
  app.getToken((status, token) => {
    if (status !== 0) {
      print(auth.explain().sentence);
      return sleep();
    }
    const generation = token.generation; // `token` is good during this callback only
    post(token, (code) => {
      print("posted", code);
      // Refused: the next token is a new one. A second refusal is for a person to look at.
      if (code === 401 && app.rejected(generation) === 0 && !isRetry) work(true);
      else sleep();
    });
  });
}

// The token stays in memory while the radio is off, and serves again as long as it is good.
function sleep() {
  auth.suspend();
  setTimeout(() => {
    wifi.disconnect();
    setTimeout(wake, device.periodMs);
  }, 500);
}

function wake() {
  wifi.connect(device.ssid, { password: device.password }, (error) => {
    if (error) {
      print("no Wi-Fi", error);
      setTimeout(wake, device.periodMs);
    } else untilClock();
  });
}

// The clock first: tokens live by it, and a step forward would end them early.
function untilClock() {
  if (getTime() < 1.7e9) {
    wifi.setSNTP("pool.ntp.org", 0);
    setTimeout(untilClock, 1000);
    return;
  }
  if (auth === undefined) {
    auth = motekey.createAuth(
      {
        deviceId: device.id,
        cloud: device.cloud,
        credential,
        limits: { slots: 1, hosts: 1, waiters: 2, calls: 2 },
      },
      motekey.espruinoPorts(credential),
    );
    app = auth.host(device.app.host);
  } else auth.resume();
  work(false);
}

wake();
