import type { LeanHost, LeanOptions } from "../../firmware/espruino/api.js";
import { type Explanation, sentenceOf } from "../../firmware/explain.js";
import {
  type AuthClient,
  type AuthOptions,
  type Counters,
  type Host,
  type OnDone,
  type OnProvisionalHost,
  type OnToken,
  type State,
  Status,
  type Text,
  type Token,
} from "../../firmware/index.js";
import { type Natives, runEspruino } from "./natives.js";
import { leanSource } from "./source.js";

/** The error of its `counters`. */
export const COUNTS_NOTHING = "motekey: the core for Espruino counts nothing";

/** The client of the other core by its looks, and what it makes of its own state. */
export interface LeanClient extends AuthClient {
  /** No clock is compared. */
  explain(wallTimeS?: number): Explanation;
}

/** A text of bytes. */
const plain = (text: Text): string => Buffer.from(text as string).toString("latin1");

/** Those that this core has. */
const LIMITS =
  "tokenBytes hosts hostBytes waiters calls sendBytes connectTimeoutMs callAttemptMs callDeadlineMs keepAliveS pingTimeoutMs backoffBaseMs backoffCapMs spreadMs stableMs retryAfterCapMs tokenMaxAgeMs".split(
    " ",
  );

/**
 * Espruino's core, as its board gets it, behind the words of the other. One runs beside another: each is a module of
 * its own.
 * @param isTls the link of these natives is TLS
 * @throws Error what this core has not, and all that it refuses itself
 */
export const leanClient = (auth: AuthOptions, natives: Natives, isTls = false): LeanClient => {
  const { deviceId, cloud, credential, proof, allowInsecure, limits, sleptMs, ...others } = auth;
  const extra = Object.keys(others);
  if (extra.length > 0) throw new Error(`motekey: the core for Espruino has no ${extra.join()}`);
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
    ...(isTls ? { tls: {} } : {}),
    limits: given,
  };
  const client = runEspruino(leanSource(), natives).createAuth(options);
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
    /** Whoever asks for a count would learn nothing of it. */
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
  } as unknown as LeanClient;
};
