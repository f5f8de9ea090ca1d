import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { SALT_BYTES, SealOracle } from "../proof/seal-oracle.js";
import type { Reply, Request } from "./peer.js";
import { PSK, type World } from "./world.js";

/** The cloud's end of B6 and B7: follows each `sec` that the device announces, checks its frames, signs answers and seals tokens. */
export class CloudMac {
  /** The counters of the sessions that the device began. */
  readonly counters: number[] = [];
  /** Frames whose MAC was wrong, missing, or of a sequence that was not higher than the one before. */
  refused = 0;
  /** Whether it has the extension `seal`. */
  hasSeal = true;
  /** The device asked for it in this session. */
  isAsked = false;
  /** What comes in a token's place. */
  seal: (token: string, session: SealOracle) => Record<string, unknown> = (token, session) => ({
    sealed: session.seal(token, randomBytes(SALT_BYTES)),
  });
  private key: Buffer | undefined;
  private sendSequence = 0;
  private receiveSequence = -1;

  /** Takes the place of the world's cloud; what it answers is said by `answer` as before. */
  constructor(world: World) {
    const { peer } = world;
    const { answer } = peer;
    peer.answer = (request) => (this.isRight(request) ? this.hide(answer(request)) : undefined);
    peer.seal = (frame) => this.sign(frame);
  }

  /** Forgets its session, as a cloud that is restarted. */
  forget(): void {
    this.key = undefined;
  }

  /** The answer with its token sealed, and Hello's with what the cloud has. */
  private hide(reply: Reply | undefined): Reply | undefined {
    const { result } = reply ?? {};
    if (typeof result !== "object" || result === null || this.key === undefined || !this.hasSeal)
      return reply;
    if ("time" in result) return { ...reply, result: { ...result, ext: { seal: 1 } } };
    if (!("token" in result) || !this.isAsked) return reply;
    const { token, ...others } = result;
    return { ...reply, result: { ...others, ...this.seal(String(token), new SealOracle(this.key)) } };
  }

  private sign(frame: string): string {
    const covered = `${frame}\n${this.sendSequence++}`;
    return `${covered}.${this.mac(`c${covered}`)}`;
  }

  private isRight({ frame, trailer, packet }: Request): boolean {
    if (frame.sec !== undefined) this.begin(frame.sec.c, Buffer.from(frame.sec.n, "base64url"));
    if (frame.sec !== undefined) this.isAsked = frame.sec.e === 1;
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
