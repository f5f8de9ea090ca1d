#!/usr/bin/env bash
# RabbitMQ 3.10.8 (Debian package rabbitmq-server 3.10.8-1.1+deb12u1), MQTT plugin: a client with CleanSession 0 subscribes
# at QoS 0 only, or at QoS 0 and QoS 1, leaves, and comes back.
# - QoS 0 only: CONNACK has Session Present 0, and the subscription is gone.
# - both: CONNACK has Session Present 1, the QoS 1 subscription is there, the QoS 0 subscription is gone without a word.
# A session of MQTT 3.1.1 (3.1.2.4, 4.1) holds all of a client's subscriptions, so a client that skips SUBSCRIBE because
# Session Present is 1 is deaf on the filter at QoS 0. Subscribe anew at each connection, whatever CONNACK says.
set -euo pipefail
server=/usr/lib/rabbitmq/bin/rabbitmq-server
[ -x "$server" ] || { echo "install the Debian package rabbitmq-server 3.10.8-1.1+deb12u1"; exit 2; }
dpkg-query -W -f '${Package} ${Version}\n' rabbitmq-server
folder=$(mktemp -d)
read -r mqtt dist epmd < <(node -e '
  const s = [0, 0, 0].map(() => require("net").createServer().listen(0, "127.0.0.1"));
  setTimeout(() => { console.log(s.map((x) => x.address().port).join(" ")); process.exit(); }, 100)')
printf 'listeners.tcp = none\nmqtt.listeners.tcp.default = 127.0.0.1:%s\nmqtt.allow_anonymous = true\n' "$mqtt" > "$folder/rabbitmq.conf"
echo '[rabbitmq_mqtt].' > "$folder/plugins"
printf 'NODENAME=f%s@localhost\nERL_EPMD_ADDRESS=127.0.0.1\nSERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"\n' \
  "$mqtt" > "$folder/env"
export HOME="$folder" ERL_EPMD_PORT="$epmd" RABBITMQ_CONF_ENV_FILE="$folder/env" RABBITMQ_DIST_PORT="$dist" \
  RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$folder/plugins" \
  RABBITMQ_MNESIA_BASE="$folder/mnesia" RABBITMQ_LOG_BASE="$folder/log" RABBITMQ_LOGS=- \
  RABBITMQ_GENERATED_CONFIG_DIR="$folder/generated" RABBITMQ_FEATURE_FLAGS_FILE="$folder/flags" \
  RABBITMQ_PID_FILE="$folder/pid"
"$server" > "$folder/out" 2>&1 & broker=$!
trap 'kill $broker 2>/dev/null || true; wait $broker 2>/dev/null || true; epmd -port "$epmd" -kill >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
for _ in $(seq 240); do grep -q "startup complete" "$folder/out" && break; sleep 0.2; done
grep -q "startup complete" "$folder/out" || { tail -20 "$folder/out"; exit 2; }
npm install --silent --no-audit --no-fund --prefix "$folder/npm" mqtt-packet@9.0.2
cat > "$folder/client.cjs" <<'JS'
const net = require("net");
const { generate, parser } = require(`${process.argv[2]}/mqtt-packet`);
const port = Number(process.argv[3]);
/** One connection: CONNECT, then `turn(send, next)` where next(cmd) awaits a packet of that kind. */
async function visit(clientId, clean, turn) {
  const socket = net.connect(port, "127.0.0.1");
  const reader = parser();
  const seen = [];
  let wake = () => {};
  reader.on("packet", (packet) => (seen.push(packet), wake()));
  socket.on("data", (bytes) => reader.parse(bytes));
  const next = async (cmd) => {
    for (;;) {
      const at = seen.findIndex((packet) => packet.cmd === cmd);
      if (at >= 0) return seen.splice(at, 1)[0];
      await new Promise((resolve) => (wake = resolve));
    }
  };
  const send = (packet) => socket.write(generate(packet));
  send({ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clean, clientId, keepalive: 60 });
  const connack = await next("connack");
  const result = await turn(send, next, seen);
  send({ cmd: "disconnect" });
  await new Promise((resolve) => socket.on("close", resolve).end());
  return { sessionPresent: connack.sessionPresent, delivered: result };
}
/** Which of two messages, on a/… at QoS 0 and on b/… at QoS 1, come to a client that does not subscribe again. */
async function comesBack(id, filters) {
  await visit(id, false, async (send, next) => {
    send({ cmd: "subscribe", messageId: 1, subscriptions: filters.map(([topic, qos]) => ({ topic, qos })) });
    return (await next("suback")).granted;
  });
  return visit(id, false, async (send, next, seen) => {
    await visit(`${id}-sender`, true, async (sendOther, nextOther) => {
      for (const [messageId, topic] of [[1, `a/${id}`], [2, `b/${id}`]]) {
        sendOther({ cmd: "publish", topic, payload: "x", qos: 1, messageId });
        await nextOther("puback");
      }
    });
    // Whatever was routed to us is before the answer to our own PINGREQ, asked for twice.
    for (let i = 0; i < 2; i++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      send({ cmd: "pingreq" });
      await next("pingresp");
    }
    return seen.filter((packet) => packet.cmd === "publish").map((packet) => packet.topic);
  });
}
(async () => {
  for (const [id, filters] of [["zero", [["a/zero", 0]]], ["one", [["b/one", 1]]], ["both", [["a/both", 0], ["b/both", 1]]]])
    console.log(id, JSON.stringify(await comesBack(id, filters)));
  process.exit();
})();
JS
node "$folder/client.cjs" "$folder/npm/node_modules" "$mqtt" | tee "$folder/seen"
# Seen on 2026-11-28:
#   zero {"sessionPresent":false,"delivered":[]}
#   one {"sessionPresent":true,"delivered":["b/one"]}
#   both {"sessionPresent":true,"delivered":["b/both"]}
grep -qF 'zero {"sessionPresent":false,"delivered":[]}' "$folder/seen"
grep -qF 'one {"sessionPresent":true,"delivered":["b/one"]}' "$folder/seen"
grep -qF 'both {"sessionPresent":true,"delivered":["b/both"]}' "$folder/seen"
echo "as described"
