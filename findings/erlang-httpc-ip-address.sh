#!/usr/bin/env bash
# Erlang/OTP 25 (Debian packages erlang-base, erlang-inets, erlang-ssl 1:25.2.3+dfsg-1+deb12u4): httpc refuses
# https://127.0.0.1/ of a server whose certificate names that address (subjectAltName IP:127.0.0.1, RFC 2818, 3.1), with
# hostname_check_failed; by https://localhost/, which the same certificate names too, it is taken. `openssl verify
# -verify_ip` takes both. So whatever is built on httpc, such as RabbitMQ's rabbitmq_auth_backend_http, has to be given a
# host name where it verifies its peer.
set -euo pipefail
command -v erlc >/dev/null || { echo "install the Debian packages erlang-base, erlang-dev, erlang-inets and erlang-ssl"; exit 2; }
dpkg-query -W -f '${Package} ${Version}\n' erlang-base erlang-inets erlang-ssl openssl
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=server 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n' > extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out cert.pem 2>/dev/null
port=$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -www -quiet >/dev/null 2>&1 & server=$!
cat > ask.erl <<'ERL'
-module(ask).
-export([main/1]).
main([Port]) ->
  logger:set_primary_config(level, none),
  inets:start(), ssl:start(),
  Options = [{timeout, 20000}, {ssl, [{verify, verify_peer}, {cacertfile, "ca.pem"}]}],
  [io:format("https://~s/ ~s~n", [Host, said(httpc:request(get, {"https://" ++ Host ++ ":" ++ Port ++ "/", []}, Options, []))])
    || Host <- ["localhost", "127.0.0.1"]],
  halt().
said({ok, {{_, Code, _}, _, _}}) -> integer_to_list(Code);
said({error, Why}) ->
  Text = lists:flatten(io_lib:format("~p", [Why])),
  case string:find(Text, "hostname_check_failed") of nomatch -> Text; _ -> "hostname_check_failed" end.
ERL
erlc ask.erl
for _ in $(seq 50); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
seen=$(openssl verify -CAfile ca.pem -verify_ip 127.0.0.1 cert.pem; erl -noshell -run ask main "$port")
echo "$seen"
expected='cert.pem: OK
https://localhost/ 200
https://127.0.0.1/ hostname_check_failed'
[ "$seen" = "$expected" ] || { echo "changed; before it was:"; echo "$expected"; exit 1; }
echo "as found"
