#!/usr/bin/env bash
# oidc-provider 9.13.3 (npm): a refresh that names a `resource` which was not granted is answered `invalid_target` (RFC
# 8707, section 2), as it should be. By then the refresh token has been rotated: the old one is used up, and the new one
# stands in no answer. The client's next refresh, a plain one with the token that it has, is `invalid_grant`, and is taken
# for a replay that ends the whole login. RFC 6749 (section 6) has a new refresh token replace the old one when it is
# issued to the client. Scopes are checked before the rotation: `invalid_scope` costs nothing. With `rotateRefreshToken:
# false` the plain refresh works. A client that tries whether it may have a resource should know the login is at stake.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" oidc-provider@9.13.3
cat > "$folder/try.mjs" <<'JS'
import { createServer } from "node:http";
import Provider from "oidc-provider";
console.warn = console.info = () => {};
const [granted, other] = ["https://granted.example", "https://other.example"];
for (const rotateRefreshToken of [true, false]) {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    rotateRefreshToken,
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    clients: [{
      client_id: "app", token_endpoint_auth_method: "none", application_type: "native",
      redirect_uris: ["http://127.0.0.1/callback"], grant_types: ["authorization_code", "refresh_token"],
    }],
    features: { resourceIndicators: {
      enabled: true, useGrantedResource: () => true, defaultResource: () => granted,
      getResourceServerInfo: () => ({ scope: "api", accessTokenFormat: "opaque" }),
    } },
  });
  server.on("request", provider.callback());
  const client = await provider.Client.find("app");
  const login = async () => {
    const grant = new provider.Grant({ accountId: "ann", clientId: "app" });
    grant.addOIDCScope("offline_access");
    grant.addResourceScope(granted, "api");
    return new provider.RefreshToken({
      client, accountId: "ann", grantId: await grant.save(), gty: "authorization_code", rotations: 0,
      scope: "offline_access api", resource: granted,
    }).save();
  };
  const refresh = async (refresh_token, more = {}) => {
    const body = new URLSearchParams({ grant_type: "refresh_token", client_id: "app", refresh_token, ...more });
    const answer = await (await fetch(`${issuer}/token`, { method: "POST", body })).json();
    return answer.error ?? "granted";
  };
  const [first, second] = [await login(), await login()];
  console.log(`rotate ${rotateRefreshToken}: resource ${await refresh(first, { resource: other })}, then ${await refresh(first)};`,
    `scope ${await refresh(second, { scope: "more" })}, then ${await refresh(second)}`);
  server.closeAllConnections();
  server.close();
}
JS
(cd "$folder" && node try.mjs) | tee "$folder/seen"
# Seen on 2026-11-29, Node 20.20:
#   rotate true: resource invalid_target, then invalid_grant; scope invalid_scope, then granted
#   rotate false: resource invalid_target, then granted; scope invalid_scope, then granted
grep -q '^rotate true: resource invalid_target, then invalid_grant; scope invalid_scope, then granted$' "$folder/seen"
grep -q '^rotate false: resource invalid_target, then granted; scope invalid_scope, then granted$' "$folder/seen"
echo "as described"
