#!/usr/bin/env bash
# Node 20.20.2: `allowPartialTrustChain: true`, which says that an intermediate CA may be a trust anchor too, leaves out the
# authorities of NODE_EXTRA_CA_CERTS where no `ca` is given. A server that is trusted without the option is refused with
# it, so an option that should only ever trust more trusts less. Node 24.21.0 trusts it in both cases.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix n20 node@20.20.2 >/dev/null
npm install --silent --no-audit --no-fund --prefix n24 node@24.21.0 >/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat > trust.mjs <<'JS'
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:tls";
const server = createServer({ key: readFileSync("key.pem"), cert: readFileSync("cert.pem") }, (socket) => socket.end());
server.listen(0, "127.0.0.1", async () => {
  const { port } = server.address();
  for (const allowPartialTrustChain of [false, true]) {
    await new Promise((resolve) => {
      const options = { host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false, allowPartialTrustChain };
      const link = connect(options, () => {
        console.log(`${process.version} allowPartialTrustChain=${allowPartialTrustChain} ${link.authorizationError ?? "trusted"}`);
        link.destroy();
        resolve();
      });
    });
  }
  server.close();
});
JS
seen=$(for n in n20 n24; do NODE_EXTRA_CA_CERTS=cert.pem "$n/node_modules/node/bin/node" trust.mjs; done)
echo "$seen"
expected='v20.20.2 allowPartialTrustChain=false trusted
v20.20.2 allowPartialTrustChain=true DEPTH_ZERO_SELF_SIGNED_CERT
v24.21.0 allowPartialTrustChain=false trusted
v24.21.0 allowPartialTrustChain=true trusted'
[ "$seen" = "$expected" ] || { echo "changed; before it was:"; echo "$expected"; exit 1; }
echo "as found"
