const text = (description: string) => ({ type: "string", minLength: 1, description });
const port = (description: string) => ({ type: "integer", minimum: 0, maximum: 65_535, description });
const choice = (description: string, ...values: string[]) => ({ type: "string", enum: values, description });
const texts = (description: string) => ({
  type: "array",
  items: { type: "string", minLength: 1 },
  description,
});
const whole = (description: string, minimum: number, maximum?: number) => ({
  type: "integer",
  minimum,
  ...(maximum !== undefined && { maximum }),
  description,
});

/** The JSON schema (2020-12) of the file that `motekey cloud serve --settings` reads; docs/service.schema.json is it. */
export const CONFIG_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Settings of 'motekey cloud serve'",
  type: "object",
  additionalProperties: false,
  properties: {
    $schema: text("where this schema is; for editors"),
    database: {
      type: "object",
      additionalProperties: false,
      description:
        "where the state is: a folder for one machine, or PostgreSQL 15 for any number of replicas",
      properties: {
        folder: text("a folder, made where it is missing"),
        url: text("postgresql://user@host:5432/database?sslmode=verify-full"),
        passwordFile: text("holds the password of that user; read for each connection"),
        connections: whole("most connections of this replica", 2, 1_000),
      },
    },
    sealKeyFiles: texts(
      "keys that seal what the database holds, one in each file: the first seals, all open",
    ),
    host: text("the address to listen on"),
    mqttPort: port("the MQTT port; 0: any free one"),
    httpPort: port("the HTTP port; 0: any free one"),
    tls: {
      type: "object",
      additionalProperties: false,
      required: ["certFile", "keyFile"],
      properties: {
        certFile: text("the certificate and its chain, PEM"),
        keyFile: text("its key, PEM"),
        clientCertificates: choice("whether a device shows one", "none", "optional", "required"),
        caFile: text("who issues them, PEM"),
      },
    },
    broker: {
      type: "object",
      additionalProperties: false,
      required: ["url"],
      description: "a broker that devices connect to: all replicas share the requests that come by it",
      properties: {
        url: text(
          "amqps://, tls:// (NATS) or mqtts://user@host:port, without TLS amqp://, nats:// or mqtt://",
        ),
        passwordFile: text("holds the password of that user"),
        caFile: text("who issued the broker's certificate, PEM"),
        certFile: text("the replica's own certificate, where it logs in by that, PEM"),
        keyFile: text("its key, PEM"),
        topicsBound: {
          type: "boolean",
          description:
            "cloud/from/<id>/# is written by the user <id> alone: frames need no proof of their own",
        },
        group: {
          type: "string",
          pattern: "^[A-Za-z0-9_-]{1,64}$",
          description: "replicas of one name share the requests",
        },
        evict: {
          type: "object",
          additionalProperties: false,
          description: "how connections at the broker are ended of devices that are barred",
          properties: {
            url: text("RabbitMQ's management, https://admin@host:15671, or mosquitto, mqtts://admin@host"),
            passwordFile: text("holds the password of that user"),
            usersFile: text("NATS on this machine: the file of its users, one in each line"),
            pidFile: text("NATS' pid_file"),
          },
        },
      },
    },
    hook: {
      type: "object",
      additionalProperties: false,
      description: "RabbitMQ and EMQX ask who may log in and who may use a topic, below /hook/",
      properties: {
        secretFile: text("holds what a broker shows: 16 or more of A-Z a-z 0-9 _ -"),
        certificate: text("the common name of the broker's certificate"),
        vhost: text("RabbitMQ's virtual host that devices are on"),
      },
    },
    openid: {
      type: "object",
      additionalProperties: false,
      required: ["issuer", "audience", "roles"],
      description: "operators and backends by the JWT access tokens of an OpenID provider",
      properties: {
        issuer: text("as the provider's discovery has it: https://login.example.com"),
        audience: text("what tokens name as their audience: this service"),
        jwksUrl: text("where the provider's keys are, where its discovery does not say it"),
        roles: {
          type: "object",
          additionalProperties: false,
          description: "which values of the roles' claim make somebody what",
          properties: {
            admin: texts("changes devices"),
            developer: texts("changes devices"),
            viewer: texts("reads"),
            backend: texts("asks about tokens, and ends them"),
          },
        },
        rolesClaim: text("the claim that has them, or the way to it: realm_access.roles"),
        claims: {
          type: "object",
          additionalProperties: { type: "string" },
          description: "other claims that a token must have, each with this very value",
        },
        nameClaim: text("the claim that operators are called by in a device's history"),
        writeScope: { type: "string", description: "the scope that changes need; empty: the role is enough" },
        staleSeconds: whole("how long keys serve that cannot be read anew", 0, 604_800),
      },
    },
    address: text("the service's name: the issuer of tokens"),
    tokens: {
      type: "object",
      additionalProperties: false,
      properties: {
        format: choice("what tokens are", "jwt", "opaque", "cwt-sign1"),
        algorithm: choice("what they are signed with", "ES256", "EdDSA"),
        lifetimeSeconds: whole("how long a token lives", 1, 31_536_000),
        graceSeconds: whole("how long a token stays good behind the next one", 0, 86_400),
      },
    },
    limits: {
      type: "object",
      additionalProperties: false,
      description: "what senders are held to, at each replica; 0: to nothing",
      properties: {
        addressPerSecond: whole("connections and HTTP requests from one address in a second", 0, 1_000_000),
        devicePerSecond: whole("requests of one device or user in a second", 0, 1_000_000),
        wrongKeyMs: whole("how late a wrong key is answered at most", 0, 5_000),
      },
    },
    requireFrameProof: { type: "boolean", description: "every frame needs a proof of its own" },
    databaseLimitMs: whole("how long a request may wait for the database", 1),
    drainLimitMs: whole("how long SIGTERM waits for what is under way", 0),
  },
} as const;
