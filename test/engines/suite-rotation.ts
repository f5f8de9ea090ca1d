/** The next key of a device, opened by the vector of DESIGN.md, as it is on every engine. This file runs inside the engines, as `suite.ts` does. */
import { Scratch } from "../../firmware/crypto/scratch.js";
import { X25519, X25519_BYTES } from "../../firmware/crypto/x25519.js";
import { openNextKey } from "../../firmware/proof/rotation.js";
import { Answer } from "../../firmware/rotation/answer.js";
import { bytesOf } from "../../firmware/wire/bytes.js";
import { hex } from "./suite-store.js";

const PSK = bytesOf("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
const RESULT = bytesOf(
  '{"x":"Z13VdO13iTELPS52gfN5C0ZsdzsVIf7PNld5WDcepS8","sealed":"DkDSU-HidW2Vb8qOz22M_caonKCPR15WJIgH-Qnuy-g6Mb3shgultcBNEA","mac":"ZCPix5kpNgGg4EYWCMgIByqEjGuIDBOOVfJu9lh99Ao"}',
);

/** The device's ephemeral public key, and the next key, in hexadecimal. */
export function nextKeyOpened(): { x: string; key: string } {
  const secret = new Uint8Array(X25519_BYTES);
  for (let i = 0; i < X25519_BYTES; i++) secret[i] = 0x40 + i;
  const ladder = new X25519();
  const x = new Uint8Array(X25519_BYTES);
  ladder.beginPublic(secret);
  while (!ladder.step());
  ladder.finish(x);
  const answer = new Answer();
  if (!answer.read(RESULT, RESULT.length) || !answer.hasKey()) return { x: "", key: "no answer" };
  const agreed = new Uint8Array(X25519_BYTES);
  ladder.beginShared(secret, answer.x.bytes);
  while (!ladder.step());
  ladder.finish(agreed);
  const bytes = answer.sealed.bytes;
  const length = answer.sealed.length;
  const id = bytesOf("device_123");
  const isRight = openNextKey(
    new Scratch(),
    PSK,
    id,
    x,
    answer.x.bytes,
    agreed,
    bytes,
    length,
    answer.mac.bytes,
  );
  return { x: hex(x, 0, X25519_BYTES), key: isRight ? hex(bytes, 0, length) : "a wrong MAC" };
}
