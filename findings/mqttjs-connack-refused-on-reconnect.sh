#!/usr/bin/env bash
# MQTT.js 5.16.0 (npm package mqtt): a broker that is starting answers one reconnect with CONNACK 3 (Server unavailable,
# MQTT 3.1.1, 3.2.2.3). The client makes no further attempt, although its `reconnectPeriod` is set and the code stands
# for something that passes. No `end` and no `offline` event comes, and `client.reconnecting` stays true for ever.
# MQTT.js 5.15.0, with the same program and the same default of `reconnectOnConnackError`, goes on and connects.
# With 5.16.0, set `reconnectOnConnackError: true` for a client that has to outlive a broker's restart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/client.cjs" <<'JS'
const net = require("net");
const [, , place, option] = process.argv;
const { connect } = require(place);
const { version } = require(`${place}/package.json`);
const answers = [0, 3, 0]; // in turn: accepted, server unavailable, accepted
let connects = 0;
const server = net.createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    if (bytes[0] !== 0x10) return;
    const code = answers[connects++] ?? 0;
    socket.write(Buffer.from([0x20, 2, 0, code]));
    if (connects < answers.length) setTimeout(() => socket.end(), 50);
  });
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const client = connect({
    host: "127.0.0.1",
    port,
    reconnectPeriod: 100,
    ...(option === undefined ? {} : { reconnectOnConnackError: true }),
  });
  const events = [];
  for (const name of ["connect", "reconnect", "offline", "end"]) client.on(name, () => events.push(name));
  client.on("error", () => events.push("error"));
  setTimeout(() => {
    const { connected, reconnecting } = client;
    console.log(`${version}${option ?? ""}: ${JSON.stringify({ connects, connected, reconnecting })} ${events.join(" ")}`);
    process.exit();
  }, 5_000);
});
JS
for version in 5.15.0 5.16.0; do
  npm install --silent --no-audit --no-fund --prefix "$folder/$version" "mqtt@$version"
  node "$folder/client.cjs" "$folder/$version/node_modules/mqtt"
done | tee "$folder/seen"
node "$folder/client.cjs" "$folder/5.16.0/node_modules/mqtt" " with reconnectOnConnackError" | tee -a "$folder/seen"
# Seen on 2026-11-28:
#   5.15.0: {"connects":3,"connected":true,"reconnecting":false} connect offline reconnect error reconnect connect
#   5.16.0: {"connects":2,"connected":false,"reconnecting":true} connect offline reconnect error
#   5.16.0 with reconnectOnConnackError: {"connects":3,"connected":true,"reconnecting":false} connect offline reconnect error reconnect connect
grep -q '^5.15.0: {"connects":3,"connected":true,"reconnecting":false}' "$folder/seen"
grep -q '^5.16.0: {"connects":2,"connected":false,"reconnecting":true}' "$folder/seen"
grep -q '^5.16.0 with reconnectOnConnackError: {"connects":3,"connected":true,"reconnecting":false}' "$folder/seen"
echo "as described"
