#!/usr/bin/env bash
# esptool-js 0.7.0 (npm): `loader.after("hard_reset")` says "Hard resetting via RTS pin..." and only releases RTS: it never
# asserts it, with native USB (OTG) neither. On boards whose RTS holds the chip's EN low, a chip that was not in reset when
# it began goes on in the loader's stub, and the new firmware does not start. Espressif's own esptool pulls the line low and
# then lets it go. Whoever restarts a chip with this library drives RTS themselves: true, 100 ms, false.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" esptool-js@0.7.0
cat > "$folder/try.mjs" <<'JS'
import { ESPLoader, HardReset } from "esptool-js";

/** A port that notes what its lines do. RTS is released, as after a connect. */
const seen = [];
const transport = {
  tracing: false,
  setRTS: async (level) => void seen.push(`RTS ${level}`),
  setDTR: async (level) => void seen.push(`DTR ${level}`),
  getInfo: () => "a port",
  getPid: () => 0x1001,
};
const said = [];
const terminal = { clean() {}, writeLine: (line) => said.push(line), write: (text) => said.push(text) };
const loader = new ESPLoader({ transport, baudrate: 115200, terminal });
await loader.after("hard_reset", false);
console.log(`after("hard_reset") says '${said.at(-1)}' and does: ${seen.splice(0).join(", ")}`);
await new HardReset(transport, true).reset();
console.log(`with native USB: ${seen.join(", ")}`);
JS
seen=$(cd "$folder" && node try.mjs)
printf '%s\n' "$seen"
[ "$seen" = "after(\"hard_reset\") says 'Hard resetting via RTS pin...' and does: RTS false
with native USB: RTS false" ] || { echo "this has changed" >&2; exit 1; }
