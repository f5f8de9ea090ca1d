import assert from "node:assert/strict";
import { bundleLean } from "../../build/lean.mjs";
import { Status } from "../../firmware/index.js";
import {
  type CertificateAuthority,
  type Cloud,
  type KeyPair,
  startCloud,
} from "../../host-sim/cloud/index.js";
import { findMosquitto, startSampleMosquitto } from "../servers/mosquitto.js";
import { makePki, type Pki } from "../servers/pki.js";
import { Espruino, findEspruino } from "./espruino.js";

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HOST = "app.example.com";

/** The bytes of a PEM text. */
const der = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");

const WITH_CERTIFICATE = '{ key: files.readFileSync("key.der"), cert: files.readFileSync("cert.der") }';

/**
 * A device that says what became of its first token. What the engine throws in between tells of a handshake. The
 * 64-bit build takes memory in small steps, where TLS finds no room in a row: so there is some to begin with.
 */
const script = (port: number, proof: string, tls: string): string => `
  (function() { for (var room = [], i = 0; i < 9000; i++) room.push(i); })();
  toStorage("motekey");
  var motekey = require("motekey"), files = require("fs"), auth;
  process.on("uncaughtException", function(error) { print(error.message); });
  try {
    auth = motekey.createAuth({
      deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${port} }, credential: { psk: "${PSK}" },
      proof: "${proof}", limits: { connectTimeoutMs: 40000, callAttemptMs: 40000, callDeadlineMs: 50000 }, tls: ${tls}
    });
    auth.onState = function() {
      if (auth.explain().status === ${Status.TLS_FAILED}) tell("TLS_FAILED");
    };
    auth.host("${HOST}").getToken(function(status, token) {
      tell(status + " " + token.token);
      auth.close();
    });
  } catch (refused) { tell(refused.message); }`;

describe("Espruino over TLS, at a mosquitto that knows devices by their certificates", () => {
  let program: string;
  let mosquitto: string;
  let motekey: string;
  let pki: Pki;
  const closing: (() => Promise<void>)[] = [];

  before(async function () {
    program = findEspruino(this);
    mosquitto = findMosquitto(this);
    if (!(await hasTls())) return this.skip();
    motekey = await bundleLean();
    pki = await makePki(ID);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function hasTls(): Promise<boolean> {
    const engine = await Espruino.start(
      program,
      'try { require("tls"); tell("1"); } catch (e) { tell(""); }',
    );
    const isThere = (await engine.next()) === "1";
    await engine.close();
    if (!isThere) console.warn("      skipped: this build of Espruino has no TLS (USE_TLS)");
    return isThere;
  }

  /** A broker, and the cloud attached to it. @param issuer of the broker's certificate, whose key is RSA */
  async function serve(issuer: CertificateAuthority): Promise<{ port: number; cloud: Cloud }> {
    const broker = await startSampleMosquitto(mosquitto, "certificates", {
      server: await issuer.issue({ name: "broker", hosts: ["127.0.0.1"], keyType: "rsa" }),
      ca: pki.ca.cert,
      crl: pki.crl,
    });
    closing.push(() => broker.close());
    const cloud = await startCloud({
      broker: broker.url.replace("//", "//cloud@"),
      brokerTls: { ca: issuer.cert, ...(await pki.ca.issue({ name: "cloud" })) },
      topicsBound: true,
    });
    closing.push(() => cloud.close());
    await cloud.addDevice({ id: ID, psk: PSK });
    return { port: broker.port, cloud };
  }

  /** What the device says first. @param pair null: it shows no certificate */
  async function ask(port: number, proof: string, pair: KeyPair | null): Promise<string> {
    const files = pair === null ? {} : { "key.der": der(pair.key), "cert.der": der(pair.cert) };
    const tls = pair === null ? "{}" : WITH_CERTIFICATE;
    const espruino = await Espruino.start(program, script(port, proof, tls), { ...files, motekey });
    closing.push(() => espruino.close());
    return espruino.next();
  }

  it("gets a token, its RSA certificate in the place of a user name", async () => {
    const { port, cloud } = await serve(pki.ca);
    const [status, token = ""] = (await ask(port, "mac", pki.device.rsa)).split(" ");
    assert.equal(status, `${Status.OK}`);
    const check = cloud.checkToken(token, HOST);
    assert.ok(check.active && check.sub === ID);
  });

  it("gets one from a server that nobody vouches for too: the engine verifies none", async () => {
    const { port } = await serve(pki.other);
    assert.match(await ask(port, "mac", pki.device.rsa), /^0 /);
  });

  for (const name of ["none", "ec", "ed25519", "otherCa", "expired", "revoked"] as const) {
    it(`tells TLS_FAILED with ${name === "none" ? "no certificate" : `the certificate "${name}"`}`, async () => {
      const { port } = await serve(pki.ca);
      assert.equal(await ask(port, "mac", name === "none" ? null : pki.device[name]), "TLS_FAILED");
    });
  }

  for (const [proof, status] of [
    ["link", Status.LINK_UNPROVED],
    ["password", Status.PROOF_EXPOSED],
  ] as const) {
    it(`refuses the proof ${proof}, since a link that verifies nobody does not bear it`, async () => {
      assert.equal(await ask(1, proof, null), `motekey: proof ${proof}, status ${status}`);
    });
  }
});
