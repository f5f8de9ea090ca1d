import type { LeanHost, LeanOptions } from "../../firmware/espruino/api.js";
import type {
  AuthClient,
  AuthOptions,
  Counters,
  Host,
  OnDone,
  OnProvisionalHost,
  OnToken,
  Ports,
  Store,
  Text,
  Token,
} from "../../firmware/index.js";

import { type State, Status, sentenceOf } from "../../firmware/index.js";
import type { Peer } from "../auth/peer.js";
import type { VirtualTime } from "../auth/time.js";
import { leanSource } from "./device.js";
import { type EspruinoSocket, type Natives, runEspruino } from "./natives.js";

const source = await leanSource();

/** The time, and the far end of the link. */
interface Far {
  readonly time: VirtualTime;
  readonly peer: Peer;
}

/** A text of bytes. */
const plain = (text: Text): string => Buffer.from(text as string).toString("latin1");

const textIn = (store: Store | undefined, name: string): string | undefined => {
  const room = new Uint8Array(4096);
  const length = store === undefined ? -1 : store.read(name, room);
  return length < 0 ? undefined : Buffer.from(room.subarray(0, length)).toString("latin1");
};

/** The world's link, clock, dice and store as Espruino's. */
export const nativesOf = (ports: Ports, world: Far): Natives => {
  const { link, clock, entropy, store } = ports;
  const files = new Map<string, string>();
  return {
    connect: (to, _isTls, connected): EspruinoSocket => {
      const listeners = new Map<string, (data: string) => void>();
      if (!world.peer.isReachable && world.peer.whyUnreachable === Status.HOST_UNKNOWN)
        throw new Error("Unable to locate host");
      let queue: Buffer = Buffer.alloc(0);
      const send = (): void => {
        const taken = link.write(queue, 0, queue.length);
        queue = queue.subarray(taken);
        if (queue.length === 0) world.time.after(1, () => listeners.get("drain")?.(""));
      };
      link.open(to, {
        opened: connected,
        received: (bytes, from, end) =>
          listeners.get("data")?.(Buffer.from(bytes.subarray(from, end)).toString("latin1")),
        writable: send,
        closed: () => listeners.get("close")?.(""),
      });
      return {
        on: (event, listener) => listeners.set(event, listener),
        write: (data) => {
          queue = Buffer.concat([queue, Buffer.from(data, "latin1")]);
          send();
          return true;
        },
        end: () => link.close(),
      };
    },
    read: (name) => (store === undefined ? files.get(name) : textIn(store, name)),
    write: (name, value) => {
      if (store !== undefined) return store.write(name, Buffer.from(value, "latin1"), value.length);
      files.set(name, value);
      return true;
    },
    getTime: () => clock.now() / 1000,
    // The core has one timer, but for a connection that cannot be opened: then none is armed.
    setTimeout: (run, delayMs) => {
      clock.wakeAfter(delayMs, { turn: run });
      return 1;
    },
    clearTimeout: () => clock.cancel(),
    hwRand: () => {
      const bytes = new Uint8Array(4);
      entropy.fill(bytes, 0, 4);
      return Buffer.from(bytes).readInt32LE();
    },
  };
};

/** The core's answer to whoever asks for its counters. */
export const COUNTS_NOTHING = "Espruino's core counts nothing";

const LIMITS =
  "tokenBytes hosts hostBytes waiters calls sendBytes connectTimeoutMs callAttemptMs callDeadlineMs keepAliveS pingTimeoutMs backoffBaseMs backoffCapMs stableMs retryAfterCapMs tokenMaxAgeMs".split(
    " ",
  );

/** Espruino's core behind the words of the other, for the tests that both pass. What it has not is an error. */
export const leanClient = (auth: AuthOptions, ports: Ports, world: Far): AuthClient => {
  const { deviceId, cloud, credential, proof, allowInsecure, limits, sleptMs, ...others } = auth;
  const extra = Object.keys(others);
  if (extra.length > 0) throw new Error(`Espruino's core has no ${extra.join()}`);
  const given = Object.fromEntries(Object.entries(limits ?? {}).filter(([name]) => LIMITS.includes(name)));
  const options: LeanOptions = {
    ...(deviceId === undefined ? {} : { deviceId }),
    cloud: cloud as LeanOptions["cloud"],
    ...(credential === undefined
      ? {}
      : { credential: { ...credential, psk: credential.psk === undefined ? "" : plain(credential.psk) } }),
    ...(proof === undefined ? {} : { proof }),
    ...(allowInsecure === undefined ? {} : { allowInsecure }),
    ...(sleptMs === undefined ? {} : { sleptMs }),
    limits: given,
  };
  const client = runEspruino(source, nativesOf(ports, world)).createAuth(options);
  const told =
    (onToken: OnToken | null) =>
    (status: Status, token: { token: string; generation: number; remainingMs: number } | null): void => {
      const bytes = token === null ? new Uint8Array(0) : Buffer.from(token.token, "latin1");
      const shown: Token | null =
        token === null
          ? null
          : { bytes, length: bytes.length, generation: token.generation, remainingMs: token.remainingMs };
      onToken?.(status, shown);
    };
  const hostOf = (host: LeanHost): Host =>
    ({
      getToken: (onToken: OnToken) => host.getToken(told(onToken)),
      generateToken: (onToken: OnToken) => host.generateToken(told(onToken)),
      revokeToken: (onToken: OnToken | null) => host.revokeToken(onToken === null ? null : told(onToken)),
      rejected: (generation: number) => host.rejected(generation),
    }) as Host;
  return {
    /** A test that asks for a count proves nothing here: it is to fail. */
    get counters(): Counters {
      throw new Error(COUNTS_NOTHING);
    },
    get state(): State {
      return client.state;
    },
    set onState(onState: (state: State) => void) {
      client.onState = onState;
    },
    host: (name: string) => hostOf(client.host(plain(name))),
    listTokens: (onHost: OnProvisionalHost, onDone: OnDone) =>
      client.listTokens((status, hosts) => {
        for (const name of hosts ?? []) onHost(Buffer.from(name, "latin1"), 0, name.length);
        onDone(status, false);
      }),
    authenticate: (id: Text, { psk, cert }: { psk?: Text; cert?: Text }, onDone: OnDone) =>
      client.authenticate(
        plain(id),
        {
          ...(psk === undefined ? {} : { psk: plain(psk) }),
          ...(cert === undefined ? {} : { cert: plain(cert) }),
        },
        onDone,
      ),
    authorizeCommand: (src: Text, dst: Text, command: Text, onDone: OnDone) =>
      client.authorizeCommand(plain(src), plain(dst), plain(command), onDone),
    suspend: () => client.suspend(),
    resume: () => client.resume(),
    explain: () => ({
      ...client.explain(),
      name: Status[client.explain().status],
      sentence: sentenceOf(client.explain().status),
    }),
    close: () => client.close(),
  } as unknown as AuthClient;
};
