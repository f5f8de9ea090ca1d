#!/usr/bin/env bash
# mosquitto 2.0.11 (Debian package mosquitto 2.0.11-1.2+deb12u2): a PUBLISH at QoS 1 beyond message_size_limit is answered
# with PUBACK 0x95 (Packet too large) over MQTT 5. The table of PUBACK's reason codes (MQTT 5, 3.4.2.1) has no 0x95:
# there is a DISCONNECT for it. A client with a closed table per packet must make an exception, or it ends the connection
# and publishes the same message again. Over MQTT 3.1.1 the same message is acknowledged like any other and dropped.
set -euo pipefail
command -v mosquitto >/dev/null || { echo "install the Debian package mosquitto 2.0.11-1.2+deb12u2"; exit 2; }
{ mosquitto -h || true; } | head -1
folder=$(mktemp -d)
port=$(node -e 's=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
printf 'listener %s 127.0.0.1\nallow_anonymous true\nmessage_size_limit 100\nlog_dest file %s/log\nlog_type all\n' "$port" "$folder" > "$folder/conf"
chmod 777 "$folder"
mosquitto -c "$folder/conf" & broker=$!
trap 'kill $broker 2>/dev/null || true; rm -rf "$folder"' EXIT
cat > "$folder/client.cjs" <<'JS'
const net = require("net");
const text = (s) => Buffer.concat([Buffer.from([s.length >> 8, s.length & 255]), Buffer.from(s)]);
const packet = (first, body) => {
  const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return Buffer.concat([Buffer.from([first, ...length]), body]);
};
const run = (version, attempts = 50) => new Promise((resolve, reject) => {
  const five = version === 5 ? Buffer.from([0]) : Buffer.alloc(0);
  const connect = Buffer.concat([text("MQTT"), Buffer.from([version, 2, 0, 60]), five, text(`c${version}`)]);
  const publish = Buffer.concat([text("t"), Buffer.from([0, 1]), five, Buffer.alloc(101)]);
  const socket = net.connect(Number(process.argv[2]), "127.0.0.1");
  let got = Buffer.alloc(0);
  let connackLength = 0;
  socket.on("error", () => (attempts > 0 ? setTimeout(() => resolve(run(version, attempts - 1)), 100) : reject(new Error("no broker"))));
  socket.on("connect", () => socket.write(packet(0x10, connect)));
  socket.on("data", (bytes) => {
    got = Buffer.concat([got, bytes]);
    if (connackLength === 0 && got.length >= 2 && got.length >= 2 + got[1]) {
      connackLength = 2 + got[1];
      socket.write(packet(0x32, publish));
    }
    const rest = got.subarray(connackLength);
    if (connackLength > 0 && rest.length >= 2 && rest.length >= 2 + rest[1]) {
      socket.destroy();
      resolve(rest.toString("hex"));
    }
  });
});
(async () => {
  const told = { 5: await run(5), 4: await run(4) };
  console.log(`MQTT 5: ${told[5]}, MQTT 3.1.1: ${told[4]}`);
  if (!/^400[34]000195/.test(told[5]) || told[4] !== "40020001") process.exit(1);
})();
JS
node "$folder/client.cjs" "$port"
grep -m1 "Dropped too large PUBLISH" "$folder/log"
echo "as described"
