import assert from "node:assert/strict";
import { verify, X509Certificate } from "node:crypto";
import fc from "fast-check";
import { type Certificate, readCertificate } from "../../firmware/adapters/moddable/tls/certificate.js";
import { checkChain } from "../../firmware/adapters/moddable/tls/chain.js";
import { Status } from "../../firmware/status.js";
import {
  CertificateAuthority,
  type CertificateRequest,
  type KeyPair,
} from "../../host-sim/cloud/certificates.js";

const HOST = "mqtt.example.com";
const NAMES = [HOST, "*.example.org", "*.com", "127.0.0.1"];
const DAY_MS = 86_400_000;

const derOf = (pem: string) => Uint8Array.from(new X509Certificate(pem).raw);
const read = (pem: string) => readCertificate(derOf(pem));

/** Node's own word on a signature, in the place of the SDK's. */
const isSignedBy = (certificate: Certificate, issuer: Certificate) =>
  verify(
    certificate.signatureHash,
    certificate.tbs,
    new X509Certificate(issuer.der).publicKey,
    certificate.signature,
  );

const check = (
  chain: readonly string[],
  anchors: readonly string[],
  serverName = HOST,
  nowMs = Date.now(),
): string =>
  Status[
    checkChain(chain.map(read), { anchors: anchors.map(read), serverName, nowMs, isSignedBy })
  ] as string;

describe("Moddable's view of a server's chain", () => {
  let ca: CertificateAuthority;
  let otherCa: CertificateAuthority;
  let server: KeyPair;
  let manyNames: KeyPair;

  const serverOf = (request: Partial<CertificateRequest> = {}, authority = ca) =>
    authority.issue({ name: "server", hosts: [HOST], keyType: "rsa", ...request });

  before(async () => {
    ca = await CertificateAuthority.create("a CA", "rsa");
    otherCa = await CertificateAuthority.create("another CA", "rsa");
    server = await serverOf();
    manyNames = await serverOf({ hosts: NAMES });
  });

  it("reads what Node reads from a certificate", async () => {
    const seen = new X509Certificate(manyNames.cert);
    const certificate = read(manyNames.cert);
    const key = seen.publicKey.export({ format: "jwk" });
    assert.equal(certificate.notBeforeMs, Date.parse(seen.validFrom));
    assert.equal(certificate.notAfterMs, Date.parse(seen.validTo));
    assert.equal(Buffer.from(certificate.key?.modulus ?? []).toString("base64url"), key.n);
    assert.equal(Buffer.from(certificate.key?.exponent ?? []).toString("base64url"), key.e);
    assert.deepEqual(certificate.extensions.hosts, NAMES);
    assert.equal(certificate.extensions.isAuthority, seen.ca);
    assert.equal(read(ca.cert).extensions.isAuthority, true);
  });

  it("takes a server that its authority vouches for, alone or with the authority behind it", () => {
    assert.equal(check([server.cert], [ca.cert]), "OK");
    assert.equal(check([server.cert, ca.cert], [ca.cert]), "OK");
    assert.equal(check([server.cert], [otherCa.cert, ca.cert]), "OK", "two anchors, while they change");
  });

  it("takes a server whose own certificate is the anchor", () => {
    assert.equal(check([server.cert], [server.cert]), "OK");
  });

  it("refuses a server that nobody known vouches for", () => {
    assert.equal(check([server.cert], [otherCa.cert]), "TLS_CA");
    assert.equal(check([server.cert, ca.cert], [otherCa.cert]), "TLS_CA");
    assert.equal(check([], [ca.cert]), "TLS_CA");
  });

  it("refuses a stranger's certificate in front of a good chain", async () => {
    const stranger = await serverOf({}, otherCa);
    assert.equal(check([stranger.cert, server.cert, ca.cert], [ca.cert]), "TLS_CA");
    assert.equal(check([stranger.cert, ca.cert], [ca.cert]), "TLS_CA");
  });

  it("refuses an authority of the same name with another key", async () => {
    const double = await CertificateAuthority.create("a CA", "rsa");
    assert.equal(check([server.cert, double.cert], [double.cert]), "TLS_CA");
    assert.equal(check([(await serverOf({}, double)).cert, ca.cert], [ca.cert]), "TLS_CA");
  });

  it("refuses a device's certificate as a server's, and as an authority", async () => {
    const device = await ca.issue({ name: "device_123", keyType: "rsa" });
    assert.equal(check([device.cert, ca.cert], [ca.cert], "device_123"), "TLS_CA");
    assert.equal(check([server.cert, device.cert], [device.cert]), "TLS_CA");
  });

  it("refuses keys that are not RSA", async () => {
    assert.equal(check([(await serverOf({ keyType: "ec" })).cert], [ca.cert]), "TLS_CA");
    const ecCa = await CertificateAuthority.create("an EC CA", "ec");
    assert.equal(check([(await serverOf({}, ecCa)).cert], [ecCa.cert]), "TLS_CA");
  });

  it("tells what has expired, and what is not valid yet", () => {
    assert.equal(check([server.cert], [ca.cert], HOST, Date.now() + 2 * DAY_MS), "TLS_EXPIRED");
    assert.equal(check([server.cert], [ca.cert], HOST, 0), "TLS_NOT_YET_VALID", "the clock is not set");
  });

  for (const [host, expected] of [
    ["MQTT.example.com", "OK"],
    ["other.example.com", "TLS_NAME"],
    ["a.example.org", "OK"],
    ["a.b.example.org", "TLS_NAME"],
    ["example.org", "TLS_NAME"],
    ["127.0.0.1", "OK"],
    ["127.0.0.2", "TLS_NAME"],
    ["com", "TLS_NAME"],
    ["a.com", "TLS_NAME"],
  ] as const) {
    it(`a server with many names is ${host}: ${expected}`, () =>
      assert.equal(check([manyNames.cert], [ca.cert], host), expected));
  }

  it("no change of a byte makes another certificate good", () => {
    const der = derOf(server.cert);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = der.slice();
        changed[at] = (changed[at] as number) ^ change;
        let status: Status;
        try {
          const trust = { anchors: [read(ca.cert)], serverName: HOST, nowMs: Date.now(), isSignedBy };
          status = checkChain([readCertificate(changed)], trust);
        } catch (error) {
          assert.match(String(error), /^Error: (DER|X\.509): /);
          return;
        }
        assert.notEqual(status, Status.OK);
      }),
      { numRuns: 2_000 },
    );
  });

  it("bytes that are no certificate are refused with an Error, and never read beyond their end", () => {
    const der = derOf(server.cert);
    for (let length = 0; length < der.length; length++) {
      assert.throws(() => readCertificate(der.slice(0, length)), /^Error: (DER|X\.509): /);
    }
  });
});
