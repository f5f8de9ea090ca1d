import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import { writeCredential } from "../../firmware/index.js";
import { Rotation } from "../../firmware/rotation.js";
import { Flash, isCut } from "../../host-sim/world/flash.js";
import { RotationOracle } from "../proof/rotation-oracle.js";
import { keyOf, recoveryMac } from "./counter-keeper.js";
import { CLOUD, type Reply, type Request } from "./peer.js";
import { Service } from "./service.js";
import { VirtualTime } from "./time.js";
import { PSK, World, type WorldOptions } from "./world.js";

const ID = "device_123";
const BAD_CREDENTIALS = 4;

/** A device's keys as its cloud has them, by the definition in docs/cloud.md: node:crypto, and X25519 by noble. */
export class KeyKeeper {
  present = PSK;
  next: string | undefined;
  /** The highest counter that was accepted. */
  highest = 0;
  /** Keys that the broker does not let in, whatever the cloud knows. */
  refused: string[] = [];
  /** What NextCredential and ProveCredential come to, when a script says so. */
  answer: ((right: Reply, request: Request) => Reply | undefined) | undefined;
  /** Each proof comes to 403. */
  provesNothing = false;
  /** The keys of the connections that came, the device's own and those that ask for a counter: `?` for none of them. */
  readonly keys: string[] = [];
  /** How often a next key became the present one. */
  promotions = 0;
  private nonce: Buffer = Buffer.alloc(0);
  private asking = PSK;

  /** The name of a key in {@link keys}. */
  nameOf(key: string | undefined): string {
    if (key === undefined) return "?";
    return key === this.present ? "present" : "next";
  }

  rotate(key = randomBytes(32).toString("base64url")): string {
    this.next = key;
    return key;
  }

  /** Takes the place of the world's cloud; what else it answers is said as before. */
  serve(world: World): void {
    const { peer } = world;
    const { answer } = peer;
    peer.intercept = (packet) => this.take(world, packet);
    peer.answer = (request) => {
      const { method } = request.frame;
      const right =
        method === "/v1/Auth.NextCredential"
          ? this.seal(request)
          : method === "/v1/Auth.ProveCredential"
            ? this.prove(request)
            : undefined;
      if (right !== undefined) return this.answer === undefined ? right : this.answer(right, request);
      const reply = answer(request);
      const { result } = reply ?? {};
      const hasToken = typeof result === "object" && result !== null && "token" in result;
      return hasToken && this.next !== undefined ? { ...reply, result: { ...result, rotate: 1 } } : reply;
    };
  }

  private seal({ frame }: Request): Reply {
    const point = Buffer.from(String(frame.args.x), "base64url");
    const oracle = new RotationOracle(this.present, ID);
    if (this.next === undefined) return { result: { mac: oracle.none(point) } };
    return { result: oracle.seal(this.next, point, randomBytes(32)) };
  }

  private prove({ frame }: Request): Reply {
    const nonce = Buffer.from(String(frame.args.n), "base64url");
    for (const key of [this.next, this.present]) {
      if (key === undefined || this.provesNothing) continue;
      const oracle = new RotationOracle(key, ID);
      if (oracle.proof("p", nonce) !== frame.args.mac) continue;
      if (key === this.next) {
        this.present = key;
        this.next = undefined;
        this.promotions++;
      }
      return { result: { mac: oracle.proof("a", nonce) } };
    }
    return { error: { code: 403, message: "no key of this device" } };
  }

  private take(world: World, packet: Packet): boolean {
    const { peer } = world;
    if (packet.cmd === "connect") peer.returnCode = this.judge(packet);
    if (packet.cmd !== "publish" || packet.topic !== `cloud/from/${ID}-recover/rpc`) return false;
    this.tell(world, packet);
    return true;
  }

  private judge({ clientId, password }: IConnectPacket): number {
    const [first = "", mac = ""] = String(password).split(".");
    const known = [this.present, ...(this.next === undefined ? [] : [this.next])];
    if (clientId !== ID) {
      this.nonce = Buffer.from(first, "base64url");
      const key = known.find((one) => recoveryMac("q", ID, this.nonce, undefined, one) === mac);
      this.keys.push(`recover:${this.nameOf(key)}`);
      this.asking = key ?? "";
      return key === undefined || this.refused.includes(key) ? BAD_CREDENTIALS : 0;
    }
    const right = (key: string): boolean =>
      createHmac("sha256", keyOf("motekey counter v1", key)).update(`${ID}:${first}`).digest("base64url") ===
      mac;
    const key = known.find(right);
    this.keys.push(this.nameOf(key));
    const counter = Number(first);
    if (key === undefined || this.refused.includes(key) || counter <= this.highest) return BAD_CREDENTIALS;
    this.highest = counter;
    return 0;
  }

  private tell({ peer }: World, packet: IPublishPacket): void {
    const frame = JSON.parse(packet.payload.toString());
    const c = this.highest;
    const mac = recoveryMac("a", ID, this.nonce, c, this.asking);
    peer.send({ cmd: "puback", messageId: packet.messageId as number });
    const answer = { v: 2, src: CLOUD, dst: `${ID}-recover`, id: frame.id, result: { c, mac } };
    peer.publish(JSON.stringify(answer), `${ID}-recover/rpc`);
  }
}

/** One device whose key the cloud replaces, over many lives: flash, cloud and time go on, its memory does not. */
export class RotatedLives {
  readonly time = new VirtualTime();
  readonly service = new Service(this.time);
  readonly keeper = new KeyKeeper();
  world: World;
  rotation: Rotation;
  lives = 0;

  constructor(
    private readonly options: WorldOptions = {},
    readonly flash = new Flash(),
  ) {
    writeCredential(flash, { deviceId: ID, psk: PSK, floor: { proof: "counter" } });
    flash.writes = 0;
    this.rotation = new Rotation();
    this.world = this.boot();
  }

  boot(): World {
    this.lives++;
    const { time, service, flash: store } = this;
    this.rotation = new Rotation();
    this.world = new World({
      time,
      service,
      store,
      seed: this.lives,
      rotation: this.rotation,
      ...this.options,
    });
    this.keeper.serve(this.world);
    return this.world;
  }

  /** The device goes on no longer, from one moment to the next. */
  crash(): void {
    this.world.clock.cancel();
    this.world.peer.close();
  }

  /** Does something in this life. Returns whether the power went. */
  isCut(run: (world: World) => void): boolean {
    const wentOut = isCut(() => run(this.world));
    if (wentOut) this.crash();
    return wentOut;
  }

  /** The key that a record of the credential has, by its slot. */
  kept(slot: "a" | "b"): string | undefined {
    const record = this.flash.values.get(`motekey-cred${slot}`);
    if (record === undefined) return undefined;
    const at = 13 + (record[12] as number);
    return record.subarray(at + 1, at + 1 + (record[at] as number)).toString();
  }

  /** Names of values in which these bytes are. */
  holding(key: string): string[] {
    return [...this.flash.values].filter(([, value]) => value.includes(key)).map(([name]) => name);
  }
}

/** A device with a token, whose cloud has a next key for it that it does not know of yet. */
export function wanted(): { lives: RotatedLives; key: string } {
  const lives = new RotatedLives();
  assert.equal(lives.world.soon().name, "OK");
  return { lives, key: lives.keeper.rotate() };
}

/** The same, told of it: what the cloud does from then on is said by `script`. */
export function hinted(script: (keeper: KeyKeeper, key: string) => void = () => {}): {
  lives: RotatedLives;
  key: string;
} {
  const { lives, key } = wanted();
  script(lives.keeper, key);
  const outcome = lives.world.generate();
  lives.world.until(() => outcome.status !== undefined);
  assert.equal(outcome.name, "OK");
  return { lives, key };
}

/** The broker does not let the next key in. */
export const refusing = (keeper: KeyKeeper, key: string): void => {
  keeper.refused = [key];
};

/** How often the device called a method in this life. */
export const asked = ({ world }: RotatedLives, method: string): number => world.peer.asked(method).length;
