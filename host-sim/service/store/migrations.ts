import type { Engine } from "./database.js";

/** The advisory lock that makes other migrations of this database wait: any number of ours. */
const LOCK = 7_226_155_319;

/** How far a frame under a MAC session may be behind another that overtook it. */
export const WINDOW = 32;

/** Each runs once, in this order; a released one never changes. */
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
  `
  -- All that answers change, in one round trip and one commit. Each entry is carried out whole or not at all. A statement
  -- inside sees what was committed before it began: what a sender's row was locked for is not outrun.
  CREATE FUNCTION motekey.answer(asked json, hosts_max integer, live_max integer)
  RETURNS TABLE (place integer, outcome text, sent bigint, sealed bytea, code integer)
  LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    one record;
    is_barred boolean;
    is_full boolean;
    bytes bytea;
  BEGIN
    FOR one IN SELECT * FROM json_to_recordset(asked) AS entry (
      place integer, device text, counter bigint, nonce text, received bigint,
      request_id bigint, request text, reply text, code integer,
      kind text, host text, hash text, token text, issued_ms bigint, graced_ms bigint, expires_ms bigint
    ) LOOP
      place := one.place; outcome := 'done'; sent := NULL; sealed := NULL; code := NULL;

      IF one.request_id IS NOT NULL THEN
        -- Changing requests of one sender are carried out one after the other, on whichever replica.
        SELECT d.disabled INTO is_barred FROM motekey.devices d WHERE d.id = one.device FOR NO KEY UPDATE;
        IF NOT FOUND THEN is_barred := true; END IF;
      END IF;

      IF one.nonce IS NOT NULL THEN
        -- A window of what was seen below the highest sequence, as DTLS has it (RFC 9147, 4.5.1): none counts twice.
        UPDATE motekey.mac_sessions s SET
            received = greatest(s.received, coalesce(one.received, s.received)),
            seen = CASE
              WHEN one.received IS NULL THEN s.seen
              WHEN one.received < s.received THEN s.seen | (1::bigint << (s.received - 1 - one.received)::integer)
              WHEN one.received - s.received > ${WINDOW} THEN 0
              ELSE ((s.seen << (one.received - s.received)::integer)
                | (1::bigint << (one.received - s.received - 1)::integer)) & ${2 ** WINDOW - 1}
            END,
            sent = s.sent + 1
          WHERE s.device = one.device AND s.counter = one.counter AND s.nonce = decode(one.nonce, 'base64')
            AND (one.received IS NULL OR one.received > s.received
              OR (one.received < s.received AND s.received - one.received <= ${WINDOW}
                AND (s.seen >> (s.received - 1 - one.received)::integer) & 1 = 0))
          RETURNING s.sent INTO sent;
        IF NOT FOUND THEN
          outcome := 'replayed'; RETURN NEXT; CONTINUE;
        END IF;
      END IF;

      IF one.request_id IS NULL THEN
        RETURN NEXT; CONTINUE;
      END IF;

      SELECT r.sealed, r.code INTO sealed, code FROM motekey.replies r
        WHERE r.device = one.device AND r.request_id = one.request_id AND r.request = decode(one.request, 'base64');
      IF FOUND THEN
        outcome := 'repeated'; RETURN NEXT; CONTINUE;
      END IF;
      IF is_barred THEN
        outcome := 'barred'; RETURN NEXT; CONTINUE;
      END IF;

      IF one.kind = 'generate' THEN
        -- The one before it gets the grace time, and beyond so many that are good at once the oldest ends.
        SELECT t.hash INTO bytes FROM motekey.tokens t
          WHERE t.sub = one.device AND t.host = one.host ORDER BY t.place DESC LIMIT 1;
        IF FOUND THEN
          UPDATE motekey.tokens t SET expires_at_ms = one.graced_ms
            WHERE t.hash = bytes AND t.expires_at_ms > one.graced_ms;
          DELETE FROM motekey.tokens t WHERE t.hash IN (
            SELECT o.hash FROM motekey.tokens o
            WHERE o.sub = one.device AND o.host = one.host ORDER BY o.place DESC OFFSET live_max - 1);
        ELSE
          SELECT count(DISTINCT t.host) >= hosts_max INTO is_full FROM motekey.tokens t
            WHERE t.sub = one.device AND t.expires_at_ms > one.issued_ms;
          IF is_full THEN
            outcome := 'full'; RETURN NEXT; CONTINUE;
          END IF;
        END IF;
        INSERT INTO motekey.tokens (hash, sub, host, sealed, issued_at_ms, expires_at_ms)
          VALUES (decode(one.hash, 'base64'), one.device, one.host, decode(one.token, 'base64'),
            one.issued_ms, one.expires_ms);
      ELSIF one.kind = 'revoke' THEN
        DELETE FROM motekey.tokens t WHERE t.sub = one.device AND t.host = one.host;
      END IF;

      -- An id that comes with another request is no repetition: its reply replaces that of the earlier one.
      INSERT INTO motekey.replies AS r (device, request_id, request, sealed, code)
        VALUES (one.device, one.request_id, decode(one.request, 'base64'), decode(one.reply, 'base64'), one.code)
        ON CONFLICT ON CONSTRAINT replies_pkey DO UPDATE
          SET request = excluded.request, sealed = excluded.sealed, code = excluded.code, at = now();
      RETURN NEXT;
    END LOOP;
  END $$;
  `,
  `
  -- Behind a broker frames overtake each other: bit i is that of the sequence "received" - 1 - i.
  ALTER TABLE motekey.mac_sessions ADD COLUMN seen bigint NOT NULL DEFAULT 0;

  -- Behind a broker the replica that lets a device in to ask for its counter is not always the one that is asked.
  CREATE TABLE motekey.recoveries (
    device text PRIMARY KEY REFERENCES motekey.devices ON DELETE CASCADE,
    history jsonb,
    at timestamptz NOT NULL DEFAULT now()
  );
  `,
  `
  -- Who did it: an operator, or the device itself; null: a program, by the service's own interface.
  ALTER TABLE motekey.audit ADD COLUMN operator text;
  CREATE INDEX audit_of_device ON motekey.audit (device, place) WHERE operator IS NOT NULL;
  `,
];

/** The version of the schema that this code speaks. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Migrates the schema to this version. Rejects where the database is newer than this program. */
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
