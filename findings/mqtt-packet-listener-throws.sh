#!/usr/bin/env bash
# mqtt-packet 9.0.2 (npm): the parser calls its `packet` listeners before it leaves the state in which it found the
# packet. A listener that throws, on a well-formed PUBLISH, leaves it there: when the next bytes come, the same packet
# is emitted a second time, the header of the next one is read in the wrong place, and that packet, well-formed too, is
# lost behind an error that accuses the peer of wrong header flags. Only the third packet is read as it should be.
# Who catches what an app's handler throws and reads on has a message twice and another never: catch it within the
# listener, or make a new parser.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" mqtt-packet@9.0.2
cat > "$folder/parse.cjs" <<'JS'
const { parser, generate } = require("mqtt-packet");
const publish = (payload) => generate({ cmd: "publish", topic: "a", payload, qos: 0 });
for (const throws of [false, true]) {
  const seen = [];
  const reader = parser();
  reader.on("error", ({ message }) => seen.push(`error: ${message}`));
  reader.on("packet", ({ payload }) => {
    seen.push(String(payload));
    if (throws && seen.length === 1) throw new Error("the app's own");
  });
  for (const payload of ["one", "two", "three"]) {
    try {
      reader.parse(publish(payload));
    } catch ({ message }) {
      seen.push(`thrown: ${message}`);
    }
  }
  console.log(`${throws ? "a listener throws" : "none throws"}: ${seen.join(", ")}`);
}
JS
node "$folder/parse.cjs" | tee "$folder/seen"
# Seen on 2026-11-29, Node 20:
#   none throws: one, two, three
#   a listener throws: one, thrown: the app's own, one, error: Invalid header flag bits, must be 0x0 for pubcomp packet, three
grep -qx "none throws: one, two, three" "$folder/seen"
grep -qx "a listener throws: one, thrown: the app's own, one, error: Invalid header flag bits.*, three" "$folder/seen"
echo "as described"
