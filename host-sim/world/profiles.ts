/** How brokers differ, as measured. */
export interface Profile {
  /** CONNACK's return code for a wrong password; −1: the connection is closed without one. */
  readonly badPassword: number;
  /** The broker closes a connection after this many silent keep-alives. */
  readonly keepAlives: number;
  /** How long it takes to start, ms. */
  readonly startMs: number;
  /** The first connection after a start waits this long for its CONNACK, ms. */
  readonly firstMs: number;
  /** It repeats unacknowledged messages on the same connection after this long, ms; 0: never. */
  readonly resendMs: number;
  /** The longest that a connection lives, ms. */
  readonly lifeMs: number;
}

const base: Profile = {
  badPassword: 5,
  keepAlives: 1.5,
  startMs: 500,
  firstMs: 0,
  resendMs: 0,
  lifeMs: Number.POSITIVE_INFINITY,
};

/** Brokers by their names. */
export const PROFILES = {
  mosquitto: base,
  rabbitmq: { ...base, badPassword: 4, keepAlives: 3, startMs: 12_000 },
  nats: { ...base, startMs: 200, firstMs: 4_000 },
  aedes: { ...base, startMs: 100 },
  /** A managed one: it closes forbidden connections, repeats messages, and ends connections after a day. */
  managed: { ...base, badPassword: -1, startMs: 5_000, resendMs: 10_000, lifeMs: 86_400_000 },
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILES;

export const PROFILE_NAMES = Object.keys(PROFILES) as readonly ProfileName[];
