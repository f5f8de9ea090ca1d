import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { closed, drained, linkClosed, opened, received } from "./events.js";
import { my, Phase } from "./state.js";

/** Opens a connection to the next place. */
export function openLink(): void {
  const cloud = my.given.cloud;
  const tls = my.given.tls;
  const places = cloud.alternatives ?? [];
  my.phase = Phase.OPENING;
  my.phaseEnds = my.nowMs + (my.bounds.connectTimeoutMs ?? DEFAULT_LIMITS.connectTimeoutMs);
  my.place = my.nextPlace;
  my.isOpen = false;
  my.isHeard = false;
  const place = my.place === 0 ? cloud : places[my.place - 1];
  const address = { host: place.host, port: place.port ?? cloud.port ?? 1883 };
  let status = Status.UNREACHABLE;
  try {
    const socket: Socket =
      tls === undefined
        ? require("net").connect(address, () => opened(socket))
        : require("tls").connect(Object.assign(address, { key: tls.key, cert: tls.cert, ca: tls.ca }), () =>
            opened(socket),
          );
    my.socket = socket;
    my.queued = 0;
    socket.on("data", received);
    socket.on("drain", drained);
    socket.on("error", () => {});
    socket.on("close", closed);
  } catch (error) {
    const message = (error as Error).message;
    if (message.split("locate host").length > 1) status = Status.HOST_UNKNOWN;
    if (message.split("mbedtls").length > 1) status = Status.TLS_FAILED;
    const none = {} as Socket;
    my.socket = none;
    setTimeout(() => linkClosed(none, status), 0);
  }
}
