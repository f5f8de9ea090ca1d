import { once } from "node:events";
import type { AddressInfo, ListenOptions, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Listens; rejects with an error that names the place when it cannot. @param what is spoken there: "MQTT" */
export async function listen(server: Server, what: string, options: ListenOptions): Promise<void> {
  server.listen(options);
  try {
    await once(server, "listening");
  } catch (failure) {
    const where = `${options.host}:${options.port}`;
    throw new Error(`Cannot listen for ${what} on ${where}; is the port taken?`, { cause: failure });
  }
}

/** Where a server listens, so that it can listen there again. */
export function placeOf(server: Server): ListenOptions {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

/** Where the other end of a socket is; undefined: it is over, or is none of the network. */
export function addressOf(socket: Duplex): string | undefined {
  return "remoteAddress" in socket ? (socket as Socket).remoteAddress : undefined;
}
