import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import { CLOUD } from "./peer.js";
import { PSK, World, type WorldOptions } from "./world.js";

const BAD_CREDENTIALS = 4;

/** A key for one purpose, of the devices' PSK. */
export const keyOf = (purpose: string, psk = PSK): Buffer =>
  Buffer.from(hkdfSync("sha256", psk, "", purpose, 32));

/** The MAC of B8, by node:crypto. */
export function recoveryMac(
  kind: "q" | "a",
  id: string,
  nonce: Uint8Array,
  counter?: number,
  psk = PSK,
): string {
  const mac = createHmac("sha256", keyOf("motekey recover v1", psk));
  mac.update(kind).update(Uint8Array.of(id.length)).update(id).update(nonce);
  const tail = Buffer.alloc(8);
  if (counter !== undefined) tail.writeBigUInt64BE(BigInt(counter));
  return mac.update(tail.subarray(0, counter === undefined ? 0 : 8)).digest("base64url");
}

/** One recovery that a device asked for. */
export interface Recovery {
  readonly nonce: Buffer;
  readonly atMs: number;
  /** The frame that asks, as it came. */
  readonly frame: Record<string, unknown> & { id: number };
}

/**
 * The cloud's end of counters and of B8 in a world: takes each counter of CONNECT once and only upwards, and tells
 * the highest to whom it is due, until a script says otherwise.
 */
export class CounterKeeper {
  readonly recoveries: Recovery[] = [];
  /** The frames that answer one, as many as are to be sent. */
  answers: (recovery: Recovery) => unknown[] = (recovery) => [this.right(recovery)];
  /** What a recovery's CONNECT comes to. */
  returnCode = 0;
  private nonce: Buffer | undefined;

  /** @param highest that was accepted so far */
  constructor(
    private readonly world: World,
    public highest: number,
    private readonly id = "device_123",
  ) {
    world.peer.intercept = (packet) => this.take(packet);
  }

  /** The answer to a recovery as it should be. */
  right({ nonce, frame }: Recovery, counter = this.highest, id = this.id): Record<string, unknown> {
    const result = { c: counter, mac: recoveryMac("a", id, nonce, counter) };
    return { v: 2, src: CLOUD, dst: `${this.id}-recover`, id: frame.id, result };
  }

  private take(packet: Packet): boolean {
    const { peer } = this.world;
    if (packet.cmd === "connect") peer.returnCode = this.judge(packet);
    if (packet.cmd !== "publish" || packet.topic !== `cloud/from/${this.id}-recover/rpc`) return false;
    this.tell(packet);
    return true;
  }

  private judge({ clientId, username, password }: IConnectPacket): number {
    // Under `mac` alone nothing is proved when a device connects.
    if (clientId === this.id && username === undefined) return 0;
    assert.equal(username, clientId);
    const [first = "", mac = ""] = String(password).split(".");
    if (clientId === this.id) {
      const counter = Number(first);
      const expected = createHmac("sha256", keyOf("motekey counter v1")).update(`${this.id}:${first}`);
      if (mac !== expected.digest("base64url") || counter <= this.highest) return BAD_CREDENTIALS;
      this.highest = counter;
      return 0;
    }
    assert.equal(clientId, `${this.id}-recover`);
    this.nonce = Buffer.from(first, "base64url");
    assert.equal(this.nonce.length, 16);
    return mac === recoveryMac("q", this.id, this.nonce) ? this.returnCode : BAD_CREDENTIALS;
  }

  private tell(packet: IPublishPacket): void {
    const { peer, nowMs } = this.world;
    const recovery = {
      nonce: this.nonce as Buffer,
      atMs: nowMs,
      frame: JSON.parse(packet.payload.toString()),
    };
    this.recoveries.push(recovery);
    peer.send({ cmd: "puback", messageId: packet.messageId as number });
    for (const answer of this.answers(recovery)) {
      const text = typeof answer === "string" ? answer : JSON.stringify(answer);
      peer.publish(text, `${this.id}-recover/rpc`);
    }
  }
}

/** What the cloud took before, where nothing else is said: beyond 2^32. */
export const HIGHEST = 4_294_967_361;

/** A device whose first counter is 1, at a cloud that took counters up to `highest`. */
export function behind(
  options: WorldOptions = {},
  highest = HIGHEST,
): { world: World; keeper: CounterKeeper } {
  const world = new World(options);
  return { world, keeper: new CounterKeeper(world, highest) };
}
