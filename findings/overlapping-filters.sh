#!/usr/bin/env bash
# One message, two subscriptions of one client that both match it. Both standards leave the number of copies to the server
# (MQTT 3.1.1, 3.3.5; MQTT 5, 3.3.4). mosquitto 2.0.11 (Debian 2.0.11-1.2+deb12u2) makes it depend on the version that
# the subscriber speaks: one copy over 3.1.1, two over MQTT 5. nats-server 2.9.10 (Debian 2.9.10-1+b3) sends two over 3.1.1,
# where no Subscription Identifier tells them apart. So a client over 3.1.1 cannot know whether two equal messages in a
# row are two messages or one.
set -euo pipefail
for program in mosquitto nats-server; do
  command -v "$program" >/dev/null || { echo "install the Debian packages mosquitto 2.0.11-1.2+deb12u2 and nats-server 2.9.10-1+b3"; exit 2; }
done
folder=$(mktemp -d)
chmod 777 "$folder"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
free() { node -e 's=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
mosquitto_port=$(free); nats_port=$(free); client_port=$(free)
printf 'listener %s 127.0.0.1\nallow_anonymous true\nlog_dest none\n' "$mosquitto_port" > "$folder/mosquitto.conf"
printf 'server_name: n\nlisten: "127.0.0.1:%s"\njetstream { store_dir: "%s/js" }\nmqtt { listen: "127.0.0.1:%s" }\nlog_file: "%s/log"\n' \
  "$client_port" "$folder" "$nats_port" "$folder" > "$folder/nats.conf"
{ mosquitto -h || true; } | head -1
nats-server --version
mosquitto -c "$folder/mosquitto.conf" &
nats-server -c "$folder/nats.conf" &
cd "$folder"
npm install --silent --no-audit --no-fund --no-save mqtt@5.16.0 >/dev/null
cat > client.cjs <<'JS'
const mqtt = require("mqtt");
const [place, version] = process.argv.slice(2);
const client = mqtt.connect(`mqtt://127.0.0.1:${place}`, { protocolVersion: Number(version), reconnectPeriod: 200 });
let copies = 0;
client.on("message", (topic) => {
  if (topic === "a/b") copies++;
  else setTimeout(() => client.end(true, () => console.log(copies)), 1000);
});
client.once("connect", async () => {
  await client.subscribeAsync("a/+", { qos: 1 });
  await client.subscribeAsync("a/#", { qos: 1 });
  await client.subscribeAsync("end", { qos: 1 });
  await client.publishAsync("a/b", "x", { qos: 1 });
  await client.publishAsync("end", "x", { qos: 1 });
});
setTimeout(() => process.exit(1), 20_000).unref();
JS
told="mosquitto 3.1.1: $(node client.cjs "$mosquitto_port" 4), mosquitto 5: $(node client.cjs "$mosquitto_port" 5), NATS 3.1.1: $(node client.cjs "$nats_port" 4)"
echo "copies of one message: $told"
[ "$told" = "mosquitto 3.1.1: 1, mosquitto 5: 2, NATS 3.1.1: 2" ]
