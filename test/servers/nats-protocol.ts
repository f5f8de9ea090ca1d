import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import { createWebSocketStream, WebSocket } from "ws";

/**
 * What a server of NATS answers over its own protocol to CONNECT, to these lines and to a PING behind each: `PONG`
 * for each that it took, `-ERR` where it did not.
 * @param url `nats://…`, or `wss://…`
 * @param login members of CONNECT that name the user
 */
export async function speakNats(
  url: string,
  login: Readonly<Record<string, string>>,
  lines: readonly string[],
  tls: ConnectionOptions = {},
): Promise<string> {
  const stream = await open(url, tls);
  const options = { verbose: false, pedantic: false, lang: "test", version: "1", protocol: 1, ...login };
  const asked = [`CONNECT ${JSON.stringify(options)}`, ...lines].flatMap((line) => [line, "PING"]);
  stream.write(asked.map((line) => `${line}\r\n`).join(""));
  let answer = "";
  try {
    for await (const bytes of stream) {
      answer += bytes;
      if ((answer.match(/^(?:PONG|-ERR)/gm) ?? []).length > lines.length) break;
    }
  } catch {
    // A reset is an end, too.
  }
  stream.destroy();
  return answer
    .replace(/^INFO .*\r\n/m, "")
    .replaceAll("\r", "")
    .trim();
}

async function open(url: string, tls: ConnectionOptions): Promise<Duplex> {
  if (url.startsWith("wss:")) {
    const socket = new WebSocket(url, tls);
    await once(socket, "open");
    return createWebSocketStream(socket);
  }
  const { hostname: host, port } = new URL(url);
  const socket = connect({ host, port: Number(port) });
  await once(socket, "connect");
  return socket;
}
