/** The vectors of docs/wire.md by its definitions, from node:crypto alone: neither the firmware nor the cloud is asked. */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
} from "node:crypto";

type Bytes = Uint8Array | string;

const PSK = "vWk1vT0pQd8o6yZb3rJXc2nLmA4sEfGhUiKwNxYtRz0";
const NEXT_PSK = "q7MZ2XoUu0cTtVd5yKjLh9aRwE4nBsFgCxPi1Nm6Qb8";
const ID = "device_123";
const HOST = "app.example.com";
const TOKEN = "a-token-of-forty-characters-or-so-1234567";
/** What begins a private key of X25519 in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");

const bytes = (length: number, first: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => (first + at) & 0xff));
const text = (value: Uint8Array): string => Buffer.from(value).toString("base64url");
const key = (purpose: string, psk = PSK): Buffer => Buffer.from(hkdfSync("sha256", psk, "", purpose, 32));
const u64be = (value: number): Buffer => {
  const eight = Buffer.alloc(8);
  eight.writeBigUInt64BE(BigInt(value));
  return eight;
};
const u32be = (value: number): Buffer => u64be(value).subarray(4);
const who = Buffer.concat([Buffer.of(ID.length), Buffer.from(ID)]);

function mac(secret: Uint8Array, ...parts: Bytes[]): Buffer {
  const hash = createHmac("sha256", secret);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Bytes under a stream of blocks of 32. */
function under(plain: Uint8Array, block: (at: number) => Uint8Array): Buffer {
  return Buffer.from(plain.map((byte, at) => byte ^ (block(Math.floor(at / 32))[at % 32] ?? 0)));
}

/** What docs/wire.md shows. */
export function wireVectors() {
  return {
    psk: PSK,
    id: ID,
    counter: counter(),
    mac: session(),
    recover: recover(),
    auth5: auth5(),
    digest: digest(),
    rotation: rotation(),
  };
}

function counter() {
  return { counter: 64, password: `64.${text(mac(key("motekey counter v1"), `${ID}:64`))}` };
}

function session() {
  const nonce = bytes(16, 0);
  const s = mac(key("motekey mac v1"), "s", u64be(65), nonce);
  const sealed = (direction: "d" | "c", frame: string, sequence: number): string => {
    const covered = `${frame}\n${sequence}`;
    return `${covered}.${text(mac(s, direction, covered))}`;
  };
  const sec = { c: 65, n: text(nonce), e: 1 };
  const asked = { v: 2, src: ID, id: 7, method: "/v1/Auth.GenerateToken", args: { host: HOST }, sec };
  const salt = bytes(12, 0x40);
  const se = mac(s, "motekey seal v1");
  const stream = (at: number) => createHash("sha256").update(se).update(salt).update(u32be(at)).digest();
  const shown = text(Buffer.concat([salt, under(Buffer.from(TOKEN), stream)]));
  const result = { sealed: shown, expires_in: 3600, issued_at: 1_790_000_000 };
  const answered = { v: 2, src: "//auth.example.com", dst: ID, id: 7, result };
  return {
    counter: 65,
    nonce: text(nonce),
    sessionKey: text(s),
    request: sealed("d", JSON.stringify(asked), 0),
    token: TOKEN,
    salt: text(salt),
    sealed: shown,
    reply: sealed("c", JSON.stringify(answered), 0),
  };
}

function recover() {
  const nonce = bytes(16, 0x10);
  const kr = key("motekey recover v1");
  return {
    user: `${ID}-recover`,
    password: `${text(nonce)}.${text(mac(kr, "q", who, nonce))}`,
    answer: { c: 4160, mac: text(mac(kr, "a", who, nonce, u64be(4160))) },
  };
}

function auth5() {
  const [device, cloud] = [bytes(16, 0x20), bytes(16, 0x30)];
  const proof = (side: "c" | "d") => mac(key("motekey auth5 v1"), side, device, cloud, ID);
  return {
    deviceNonce: text(device),
    challenge: text(Buffer.concat([cloud, proof("c")])),
    answer: text(proof("d")),
  };
}

/** As Shelly's documentation has it. */
function digest() {
  const hex = (...parts: (string | number)[]) => createHash("sha256").update(parts.join(":")).digest("hex");
  const given = {
    username: "admin",
    realm: "shellyplus1-test",
    password: "secret",
    nonce: 1638000000,
    nc: 1,
    cnonce: 12345,
  };
  const { username, realm, password, nonce, nc, cnonce } = given;
  const first = hex(username, realm, password);
  return { ...given, response: hex(first, nonce, nc, cnonce, "auth", hex("dummy_method", "dummy_uri")) };
}

function rotation() {
  const kp = key("motekey rotation v1");
  const pair = (first: number) => {
    const privateKey = createPrivateKey({
      key: Buffer.concat([PKCS8, bytes(32, first)]),
      format: "der",
      type: "pkcs8",
    });
    const publicKey = createPublicKey(privateKey);
    return {
      privateKey,
      publicKey,
      point: Buffer.from(publicKey.export({ format: "jwk" }).x as string, "base64url"),
    };
  };
  const [device, cloud] = [pair(0x50), pair(0x80)];
  const shared = diffieHellman({ privateKey: cloud.privateKey, publicKey: device.publicKey });
  const kx = mac(kp, "x", who, device.point, cloud.point, shared);
  const sealed = under(Buffer.from(NEXT_PSK), (at) => mac(kx, "k", Buffer.of(at)));
  const nonce = bytes(16, 0xa0);
  const next = key("motekey rotation v1", NEXT_PSK);
  return {
    devicePrivateKey: text(bytes(32, 0x50)),
    cloudPrivateKey: text(bytes(32, 0x80)),
    x: text(device.point),
    next: NEXT_PSK,
    answer: { x: text(cloud.point), sealed: text(sealed), mac: text(mac(kx, "m", sealed)) },
    none: { mac: text(mac(kp, "n", who, device.point)) },
    proof: { n: text(nonce), mac: text(mac(next, "p", who, nonce)) },
    proved: { mac: text(mac(next, "a", who, nonce)) },
  };
}
