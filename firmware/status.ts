/**
 * How a call, a connection or a piece of input ended. Peers cannot make the firmware throw: what they can
 * cause has a number here. The numbers are stable: they may be kept and compared across versions.
 */
export enum Status {
  OK = 0,

  // The app's own calls.
  BUSY = 1,
  CLOSED = 2,
  REVOKED = 3,
  REJECTED = 4,
  STALE = 5,
  TOO_LONG = 6,

  // What explain() makes of several facts.
  SUSPENDED = 7,
  CLOCK_WRONG = 8,
  PUBLISH_REFUSED = 9,
  HUNG_UP = 60,

  // The way to the cloud.
  TIMEOUT = 10,
  UNREACHABLE = 11,
  CONNECTION_LOST = 12,
  KEEP_ALIVE_TIMEOUT = 13,
  CONNECT_TIMEOUT = 14,
  CONGESTED = 15,
  HOST_UNKNOWN = 16,

  // The device itself.
  STORE_FAILED = 17,
  CREDENTIAL_MISSING = 18,
  CREDENTIAL_BROKEN = 19,

  // CONNACK return codes 1–5 and SUBACK 0x80 (MQTT 3.1.1, 3.2.2.3 and 3.9.3).
  VERSION_REFUSED = 20,
  CLIENT_ID_REFUSED = 21,
  SERVER_UNAVAILABLE = 22,
  BAD_CREDENTIALS = 23,
  NOT_AUTHORIZED = 24,
  SUBSCRIPTION_REFUSED = 25,

  // Reason codes of MQTT 5 (2.4) that say more.
  SESSION_TAKEN_OVER = 26,
  QUOTA_EXCEEDED = 27,
  SERVER_MOVED = 28,
  METHOD_REFUSED = 29,

  // Errors that the cloud answered (the codes of the v2 RPC protocol).
  BAD_ARGUMENTS = 30,
  UNAUTHENTICATED = 31,
  FORBIDDEN = 32,
  NOT_FOUND = 33,
  THROTTLED = 34,
  UNAVAILABLE = 35,
  CLOUD_ERROR = 36,
  BAD_RESULT = 37,
  /** The answer to authenticate or authorizeCommand is no. */
  NOT_ALLOWED = 38,

  // Malformed input: JSON (RFC 8259).
  JSON_SYNTAX = 40,
  JSON_UTF8 = 41,
  JSON_SURROGATE = 42,
  JSON_DEPTH = 43,
  JSON_NUMBER = 44,
  JSON_TRUNCATED = 45,

  // Malformed input: the v2 frame.
  FRAME_DUPLICATE = 50,
  FRAME_MEMBER = 51,
  FRAME_VERSION = 52,
  FRAME_TRAILING = 53,
  FRAME_ORDER = 54,
  TOKEN_TOO_LONG = 55,
  HOST_TOO_LONG = 56,
  MAC_MISSING = 57,
  MAC_WRONG = 58,
  MAC_REPLAYED = 59,

  // What the two ends of the connection take (61: a reason code of MQTT 5).
  PACKET_TOO_LARGE = 61,
  NO_SOCKET = 62,

  // A whole frame answers our call, and names another sender than `cloud.address`.
  FOREIGN_ANSWER = 63,

  // Malformed input: MQTT 3.1.1. Each of these closes the connection.
  MQTT_PACKET_TYPE = 70,
  MQTT_FLAGS = 71,
  MQTT_LENGTH = 72,
  MQTT_RETURN_CODE = 73,
  MQTT_PACKET_IDENTIFIER = 74,
  MQTT_TOPIC = 75,
  MQTT_QOS = 76,
  MQTT_UNEXPECTED = 77,
  MQTT_PROPERTY = 78,

  // The policy of proofs.
  CHALLENGE_REFUSED = 90,
  PROOF_EXPOSED = 91,
  LINK_UNPROVED = 92,
  PROOF_UNFIT = 93,
  PROOF_BELOW_FLOOR = 94,
  LINK_BELOW_FLOOR = 95,
  EXCHANGE_WRONG = 96,
  FRAMES_UNPROVED = 97,
  COUNTER_BEHIND = 98,
  TOKEN_UNSEALED = 99,

  // WebSocket: what the server makes of our handshake (RFC 6455, 4.1), then malformed input. Each closes the connection.
  WS_REDIRECTED = 110,
  WS_NOT_FOUND = 111,
  WS_REFUSED = 112,
  WS_RESPONSE = 113,
  WS_ACCEPT = 114,
  WS_NEGOTIATION = 115,
  WS_FRAME = 116,
  WS_LENGTH = 117,
  WS_FRAGMENT = 118,
  WS_PAYLOAD = 119,

  // Malformed input: CBOR (RFC 8949), and tokens made of it (RFC 8392).
  CBOR_ADDITIONAL = 120,
  CBOR_BREAK = 121,
  CBOR_CHUNK = 122,
  CBOR_SIMPLE = 123,
  CBOR_UTF8 = 124,
  CBOR_KEY = 125,
  CBOR_DEPTH = 126,
  CBOR_LENGTH = 127,
  CBOR_TRUNCATED = 128,
  CWT_REFUSED = 129,

  // What is sealed in the store (RECORD.md).
  SEAL_BROKEN = 130,
  SEAL_MISPLACED = 131,
  SEAL_FOREIGN = 132,
  SEAL_MISSING = 133,

  // TLS (RFC 5246, RFC 8446; certificates by RFC 5280).
  TLS_FAILED = 100,
  TLS_CA = 101,
  TLS_NAME = 102,
  TLS_EXPIRED = 103,
  TLS_NOT_YET_VALID = 104,
  TLS_REVOKED = 105,
  TLS_PSK_REFUSED = 106,
  TLS_CLIENT_REFUSED = 107,
  TLS_CRL = 108,
  TLS_ALPN = 109,
}
