import { Flash, isCut } from "../../host-sim/world/flash.js";
import { CloudMac } from "./mac.js";
import { Service } from "./service.js";
import { VirtualTime } from "./time.js";
import { World, type WorldOptions } from "./world.js";

/** What the device asked the cloud for in this life. */
export const methods = (world: World): string[] =>
  world.peer.requests
    .map(({ frame }) => frame.method.split(/[./]/).pop() as string)
    .filter((method) => method !== "Hello");

/** One device over many lives: its flash, its cloud and the time go on, its memory does not. */
export class Lives {
  readonly time = new VirtualTime();
  readonly service = new Service(this.time);
  /** The life that goes on. */
  world: World;
  lives = 0;

  constructor(
    private readonly options: WorldOptions = {},
    readonly flash = new Flash(),
  ) {
    this.world = this.boot();
  }

  /**
   * A new life.
   * @param sleptMs what the app says of the time before it; absent: nothing
   * @param changes what is otherwise in this life only
   */
  boot(sleptMs?: number, changes: WorldOptions = {}): World {
    this.lives++;
    const slept = sleptMs === undefined ? {} : { sleptMs };
    const { time, service, flash: store } = this;
    // Another seed for each life: ids of frames are random, and the cloud answers a repeated one as before.
    this.world = new World({ time, service, store, seed: this.lives, ...slept, ...this.options, ...changes });
    if (this.options.proof?.includes("mac")) new CloudMac(this.world);
    return this.world;
  }

  /** The device goes on no longer, from one moment to the next. */
  crash(): void {
    this.world.clock.cancel();
    this.world.peer.close();
  }

  /** The client is closed, and the device off for `ms`. */
  sleep(ms: number): void {
    this.world.close();
    this.time.advance(ms);
  }

  /** Does something in this life. Returns whether the power went. */
  isCut(run: (world: World) => void): boolean {
    const wentOut = isCut(() => run(this.world));
    if (wentOut) this.crash();
    return wentOut;
  }
}
