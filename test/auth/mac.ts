import { createHmac, hkdfSync } from "node:crypto";
import type { Request } from "./peer.js";
import { PSK, type World } from "./world.js";

/** The cloud's end of B6: follows each `sec` that the device announces, checks its frames, and seals answers. */
export class CloudMac {
  /** The counters of the sessions that the device began. */
  readonly counters: number[] = [];
  /** Frames whose MAC was wrong, missing, or of a sequence that was not higher than the one before. */
  refused = 0;
  private key: Buffer | undefined;
  private sendSequence = 0;
  private receiveSequence = -1;

  /** Takes the place of the world's cloud; what it answers is said by `answer` as before. */
  constructor(world: World) {
    const { peer } = world;
    const { answer } = peer;
    peer.answer = (request) => (this.isRight(request) ? answer(request) : undefined);
    peer.seal = (frame) => this.seal(frame);
  }

  /** Forgets its session, as a cloud that is restarted. */
  forget(): void {
    this.key = undefined;
  }

  private seal(frame: string): string {
    const covered = `${frame}\n${this.sendSequence++}`;
    return `${covered}.${this.mac(`c${covered}`)}`;
  }

  private isRight({ frame, trailer, packet }: Request): boolean {
    if (frame.sec !== undefined) this.begin(frame.sec.c, Buffer.from(frame.sec.n, "base64url"));
    const payload = packet.payload.toString();
    const dot = payload.lastIndexOf(".");
    const sequence = Number.parseInt(trailer ?? "", 10);
    const isRight = this.mac(`d${payload.slice(0, dot)}`) === payload.slice(dot + 1);
    if (this.key === undefined || !isRight || !(sequence > this.receiveSequence)) {
      this.refused++;
      return false;
    }
    this.receiveSequence = sequence;
    return true;
  }

  private begin(counter: number, nonce: Buffer): void {
    const master = Buffer.from(hkdfSync("sha256", PSK, "", "motekey mac v1", 32));
    const number = Buffer.alloc(8);
    number.writeBigUInt64BE(BigInt(counter));
    this.key = createHmac("sha256", master).update("s").update(number).update(nonce).digest();
    this.counters.push(counter);
    this.sendSequence = 0;
    this.receiveSequence = -1;
  }

  private mac(text: string): string {
    return createHmac("sha256", this.key ?? "")
      .update(text)
      .digest("base64url");
  }
}
