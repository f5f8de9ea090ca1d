/** The brokers that are started with our samples, and who there is. */
import { findMosquitto, startSampleMosquitto } from "../servers/mosquitto.js";
import { findNats, startNats } from "../servers/nats.js";
import type { Pki } from "../servers/pki.js";
import { findRabbitmq, type SampleBroker, startRabbitmq } from "../servers/rabbitmq.js";

/** Whose topics are attacked, and who attacks. */
export const DEVICE = "device_123";
export const THIEF = "device_9";
/** Their passwords, or keys for TLS-PSK. */
export const KEYS = { cloud: "the-cloud's-key", [DEVICE]: "the-device's-key", [THIEF]: "the-thief's-key" };
const USERS = Object.entries(KEYS).map(([id, password]) => ({ id, password }));
/** RabbitMQ takes its time. */
export const START_LIMIT_MS = 180_000;

/** How its devices log in. */
export type Login = "certificate" | "password" | "psk";

/** A broker, and what it can do. */
export interface Kind {
  login: Login;
  find: (context: Mocha.Context) => string;
  start: (program: string, pki: Pki) => Promise<SampleBroker>;
  /** A client id belongs to one user: nobody else's connection ends that of its owner. */
  bindsClientIds: boolean;
  /** It reads no packet that is too long, and hands none on. */
  limitsPackets: boolean;
}

/** By name. */
export const BROKERS: Readonly<Record<string, Kind>> = {
  "mosquitto (passwords)": {
    login: "password",
    find: findMosquitto,
    start: (program, { server, ca }) =>
      startSampleMosquitto(program, "passwords", { server: server.good, ca: ca.cert, users: USERS }),
    bindsClientIds: true,
    limitsPackets: true,
  },
  "mosquitto (TLS-PSK)": {
    login: "psk",
    find: findMosquitto,
    start: (program) => startSampleMosquitto(program, "psk", { users: USERS }),
    bindsClientIds: true,
    limitsPackets: true,
  },
  mosquitto: {
    login: "certificate",
    find: findMosquitto,
    start: (program, { server, ca, crl }) =>
      startSampleMosquitto(program, "certificates", { server: server.good, ca: ca.cert, crl }),
    bindsClientIds: true,
    limitsPackets: true,
  },
  RabbitMQ: {
    login: "certificate",
    find: findRabbitmq,
    start: (program, { server, ca }) => startRabbitmq(program, server.good, ca.cert),
    bindsClientIds: false,
    limitsPackets: false,
  },
  NATS: {
    login: "certificate",
    find: findNats,
    start: (program, { server, ca }) => startNats(program, server.good, ca.cert),
    bindsClientIds: false,
    limitsPackets: false,
  },
};
