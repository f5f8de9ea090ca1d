import type { Engine } from "./database.js";

/** Who else migrates this database waits: any number that is ours. */
const LOCK = 7_226_155_319;

/** Each is run once, in this order; one that was released is never changed. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE motekey.devices (
    id text PRIMARY KEY,
    role text NOT NULL CHECK (role IN ('device', 'user', 'backend')),
    psk bytea NOT NULL,
    owner text,
    cert_fingerprint text,
    connect_counter bigint NOT NULL DEFAULT -1,
    mac_counter bigint NOT NULL DEFAULT -1,
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 70);

  CREATE TABLE motekey.mac_sessions (
    device text PRIMARY KEY REFERENCES motekey.devices ON DELETE CASCADE,
    counter bigint NOT NULL,
    nonce bytea NOT NULL,
    received bigint NOT NULL,
    sent bigint NOT NULL
  ) WITH (fillfactor = 50);

  CREATE TABLE motekey.nonces (
    device text NOT NULL REFERENCES motekey.devices ON DELETE CASCADE,
    nonce text NOT NULL,
    ends_at_ms bigint NOT NULL,
    count bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (device, nonce)
  );

  CREATE TABLE motekey.tokens (
    hash bytea PRIMARY KEY,
    sub text NOT NULL REFERENCES motekey.devices ON DELETE CASCADE,
    host text NOT NULL,
    sealed bytea NOT NULL,
    issued_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    place bigint GENERATED ALWAYS AS IDENTITY
  );
  CREATE INDEX tokens_of_host ON motekey.tokens (sub, host, place DESC);
  CREATE INDEX tokens_by_end ON motekey.tokens (expires_at_ms);

  CREATE TABLE motekey.replies (
    device text NOT NULL REFERENCES motekey.devices ON DELETE CASCADE,
    request_id bigint NOT NULL,
    request bytea NOT NULL,
    sealed bytea NOT NULL,
    code integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device, request_id)
  );
  CREATE INDEX replies_by_age ON motekey.replies (at);

  CREATE TABLE motekey.signing_keys (
    kid text PRIMARY KEY,
    algorithm text NOT NULL CHECK (algorithm IN ('ES256', 'EdDSA')),
    sealed bytea NOT NULL,
    signs_from_ms bigint NOT NULL
  );

  CREATE TABLE motekey.audit (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    did text NOT NULL,
    device text NOT NULL
  );

  CREATE TABLE motekey.readiness (id integer PRIMARY KEY, at timestamptz NOT NULL);
  INSERT INTO motekey.readiness VALUES (1, now());
  `,
  `
  -- A session that was opened before did not ask.
  ALTER TABLE motekey.mac_sessions ADD COLUMN seals boolean NOT NULL DEFAULT false;
  `,
  `
  ALTER TABLE motekey.devices ADD COLUMN next_psk bytea;
  -- Was the session opened with the next key?
  ALTER TABLE motekey.mac_sessions ADD COLUMN is_next boolean NOT NULL DEFAULT false;
  `,
];

/** The version of the schema that this code speaks. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the schema to this version. Rejects where the database is newer than this program. */
export function migrate(engine: Engine): Promise<void> {
  return engine.transaction(async (queries) => {
    await queries.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    await queries.run(
      "CREATE SCHEMA IF NOT EXISTS motekey; CREATE TABLE IF NOT EXISTS motekey.migrations (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
    );
    const [found] = await queries.query<{ version: number | null }>(
      "SELECT max(version) AS version FROM motekey.migrations",
    );
    const version = found?.version ?? 0;
    if (version > SCHEMA_VERSION)
      throw new Error(
        `The database has version ${version} of the schema, and this program knows ${SCHEMA_VERSION}; run the newer program`,
      );
    for (const [at, sql] of MIGRATIONS.entries()) {
      if (at < version) continue;
      await queries.run(sql);
      await queries.query("INSERT INTO motekey.migrations (version) VALUES ($1)", [at + 1]);
    }
  });
}
