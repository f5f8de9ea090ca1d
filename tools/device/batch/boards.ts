/** A batch onto boards at serial ports: each board that comes gets the next device, and no other one ever. */
import { readCredential } from "../../../firmware/index.js";
import type { Context } from "../../cli/act.js";
import { Failure, printable, usage } from "../../cli/failure.js";
import { interrupted } from "../../cli/prompt.js";
import type { NvsKeys } from "../../nvs/keys.js";
import { portText } from "../../serial/again.js";
import type { PortInfo } from "../../serial/ports.js";
import { Backup } from "../flash/backup.js";
import { type Connected, connectChip } from "../flash/connect.js";
import { findNvs, keysFor } from "../flash/place.js";
import { type Held, type Put, putInto, readHeld } from "../flash/put.js";
import { type Cover, PartitionStore } from "../provision.js";
import type { PskSource } from "../psk-source.js";
import { keyFingerprint } from "../record.js";
import { type SealSecret, shelfOf } from "../seal-key.js";
import { type Batch, refusal, registered } from "./batch.js";
import type { Wanted } from "./devices.js";
import { Stations } from "./stations.js";

const LOOK_EVERY_MS = 250;
/** A board that stopped answering is tried once more: a line that lost a byte may not lose it twice. */
const ATTEMPTS = 2;

/** How boards are written. */
export interface BoardsHow {
  /** How many at a time. */
  readonly jobs: number;
  /** Paths or serial numbers; without any, every port of a USB device. */
  readonly ports: readonly string[];
  /** Ends when the boards that are plugged in are done with. */
  readonly isOnce: boolean;
  /** Takes boards that are another device already. */
  readonly reprovisions: boolean;
  /** Devices that are taken back from boards that are broken. */
  readonly reassigned: readonly string[];
  readonly tableAt: number | null;
  readonly label: string | null;
  readonly chip: string | undefined;
  readonly baudRate: number;
  readonly keys: NvsKeys | null;
  /** Seals the boards' records, with the chip's own address where it is a build's. */
  readonly seal: SealSecret | null;
}

/** A device and the counter that it begins above. */
interface Assigned {
  readonly wanted: Wanted;
  readonly psk: string;
  readonly counter: number;
}

/** Writes boards until every device of the list is on one. */
export class BoardsRun {
  private readonly stations: Stations;
  private readonly assigned: Map<string, Wanted>;
  private readonly made: Map<string, string>;
  private readonly released: Wanted[];
  /** The boards that are worked at, by their addresses, with their ports. */
  private readonly working = new Map<string, string>();
  private untaken: number;
  /** Devices are taken one after another, so that the journal has them in the list's order. */
  private taking: Promise<unknown> = Promise.resolve();
  private failure: unknown = null;

  constructor(
    private readonly context: Context,
    private readonly batch: Batch,
    private readonly how: BoardsHow,
    private readonly source: PskSource | null,
  ) {
    const { resumed } = batch.journal;
    const { system } = context;
    this.stations = new Stations(system.ports, how.ports, system.now);
    this.assigned = resumed.assigned;
    this.made = resumed.boards;
    this.released = resumed.released;
    this.untaken = batch.devices - resumed.count;
  }

  /** How many devices are on no board yet. */
  get left(): number {
    return this.untaken + this.assigned.size + this.released.length;
  }

  async makeAll(): Promise<void> {
    const { source } = this;
    if (source === null) return;
    const { output, system } = this.context;
    for (const id of this.how.reassigned) await this.release(id);
    const missing = await this.stations.missing();
    if (missing.length > 0) output.note(`Nothing is at ${printable(missing.join(", "), 200)} yet.`);
    for (const [mac, { id }] of this.assigned) output.note(`${id} waits for its board, ${mac}.`);
    const running = new Set<Promise<void>>();
    while (this.left > 0 && this.failure === null && !system.interrupted.aborted) {
      const here = running.size < this.how.jobs ? await this.stations.come() : [];
      for (const port of here.slice(0, this.how.jobs - running.size)) {
        this.stations.take(port);
        const job = this.serve(port, source)
          .catch((failure: unknown) => {
            this.failure ??= failure;
          })
          .finally(() => {
            this.stations.leave(port);
            running.delete(job);
          });
        running.add(job);
      }
      if (running.size === 0 && this.how.isOnce) break;
      await Promise.race([...running, pause()]);
    }
    await Promise.all(running);
    if (system.interrupted.aborted) throw interrupted();
    if (this.failure !== null) throw this.failure;
  }

  /** Takes a device back from a board that is broken: the next one gets it. */
  private async release(id: string): Promise<void> {
    const [mac, wanted] = [...this.assigned].find(([, one]) => one.id === id) ?? [];
    if (mac === undefined || wanted === undefined)
      throw usage(
        `${printable(id, 128)} waits for no board.`,
        "--reassign is for a device whose board was assigned and is broken.",
      );
    await this.batch.journal.append([{ did: "released", device: id, mac }]);
    this.assigned.delete(mac);
    this.released.push(wanted);
  }

  /** One port: its board is made, or what keeps it from that is said. What concerns the whole batch is thrown. */
  private async serve(port: PortInfo, source: PskSource): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.connected(port, source, attempt);
      } catch (failure) {
        if (!(failure instanceof BoardFailure)) throw failure;
        if (isTriedAgain(failure, attempt)) continue;
        const { message, next } = failure.reason;
        return this.context.output.warn(`${portText(port)}: ${message} ${next}`);
      }
    }
  }

  private async connected(port: PortInfo, source: PskSource, attempt: number): Promise<void> {
    const { baudRate, chip: wanted } = this.how;
    const connected = await ofBoard(false, () =>
      connectChip(this.context.system, { note: () => undefined }, port, { baudRate, wanted }),
    );
    const { chip, mac } = connected;
    try {
      const other = this.working.get(mac);
      if (other !== undefined)
        throw new BoardFailure(
          unfit(
            `It and ${other} are two ports of one board, ${mac}.`,
            "Name the ports that are to be used with --port.",
          ),
          false,
        );
      this.working.set(mac, port.path);
      try {
        await this.board(connected, source, attempt);
      } finally {
        this.working.delete(mac);
      }
    } finally {
      await chip.close();
    }
  }

  private async board(connected: Connected, source: PskSource, attempt: number): Promise<void> {
    const { chip, mac } = connected;
    const { output, system } = this.context;
    const { folder, journal, list } = this.batch;
    const done = this.made.get(mac);
    if (done !== undefined) {
      output.note(`${chip.port.path}: the board ${mac} is ${done} already.`);
      return chip.restart();
    }
    const place = await ofBoard(true, () =>
      findNvs(chip, { tableAt: this.how.tableAt, label: this.how.label }),
    );
    const keys = await ofBoard(true, () => keysFor(chip, place, this.how.keys));
    const backup = new Backup(system, mac, place.partition.label, folder.path);
    const how = { backup, keptAs: backup.path, replaces: false, isDryRun: false, note: () => undefined };
    const held = await ofBoard(true, () => readHeld(chip, place, keys, how));
    const key = this.how.seal?.keyOf(mac) ?? null;
    const cover: Cover = (shelf) => shelfOf(shelf, key);
    this.refuseOther(held, mac, cover);
    const device = await this.take(mac, source);
    if (device === null) {
      output.note(`${chip.port.path}: no device is left for the board ${mac}.`);
      return chip.restart();
    }
    const { wanted, psk, counter } = device;
    const identity = { id: wanted.id, psk, counter };
    const setIn = (partition: Held["partition"]): void => list.setIn(partition, wanted);
    let put: Put;
    try {
      put = await ofBoard(true, () => putInto(chip, place, held, { identity, setIn, keys, cover }, how));
    } catch (failure) {
      if (failure instanceof BoardFailure && !isTriedAgain(failure, attempt))
        await journal.append([
          { did: "failed", device: wanted.id, mac, why: printable(failure.reason.message, 200) },
        ]);
      throw failure;
    }
    await this.note(connected, device, put, place.partition.label);
  }

  private async note(
    { chip, name, mac }: Connected,
    device: Assigned,
    put: Put,
    partition: string,
  ): Promise<void> {
    const { journal, counts, progress } = this.batch;
    const { wanted, psk } = device;
    const line = { device: wanted.id, key_fingerprint: keyFingerprint(psk), counter: put.counter };
    await journal.append([{ did: "made", ...line, mac, chip: name, partition, md5: put.md5 }]);
    this.assigned.delete(mac);
    this.made.set(mac, wanted.id);
    counts.made++;
    this.context.output.note(`${chip.port.path}: ${wanted.id} on the board ${mac}, written and compared.`);
    progress.tell(counts.made + counts.before + counts.refused);
  }

  /** A board with another device's credential may be a product of another batch, which would be gone. */
  private refuseOther({ partition }: Held, mac: string, cover: Cover): void {
    const { credential } = readCredential(cover(new PartitionStore(partition)));
    const ours = this.assigned.get(mac)?.id;
    if (credential === null || credential.deviceId === ours || this.how.reprovisions) return;
    throw new BoardFailure(
      unfit(
        `The board ${mac} is another device already: ${printable(credential.deviceId, 128)}.`,
        "Give --reprovision where it is to become one of this batch.",
      ),
      false,
    );
  }

  /** The board's device: its own, one that was taken back, or the list's next. null: there is none left. */
  private take(mac: string, source: PskSource): Promise<Assigned | null> {
    const taken = this.taking.then(() => this.takeNext(mac, source));
    this.taking = taken.catch(() => undefined);
    return taken;
  }

  private async takeNext(mac: string, source: PskSource): Promise<Assigned | null> {
    const { journal } = this.batch;
    const [own] = [this.assigned.get(mac)];
    const wanted = own ?? this.released[0];
    if (wanted !== undefined) {
      const answer = await this.register(wanted, source);
      if (typeof answer === "string")
        throw new BoardFailure(
          unfit(
            `The cloud refuses ${wanted.id}: ${printable(answer, 200)}.`,
            "Look at it: motekey device show.",
          ),
          false,
        );
      if (own !== undefined) return answer;
      await journal.append([{ did: "assigned", device: wanted.id, mac }]);
      this.released.shift();
      this.assigned.set(mac, wanted);
      return answer;
    }
    for (;;) {
      const { value: next } = await this.batch.rows.next();
      if (next === undefined) return null;
      const answer = await this.register(next, source);
      const { output } = this.context;
      if (typeof answer === "string") {
        await journal.append([refusal(this.batch, output.warn.bind(output), next, answer)]);
        this.untaken--;
        continue;
      }
      await journal.append([{ did: "assigned", device: next.id, mac }]);
      this.untaken--;
      this.assigned.set(mac, next);
      return answer;
    }
  }

  /** Registers it; the cloud's words where it is refused. */
  private async register(wanted: Wanted, source: PskSource): Promise<Assigned | string> {
    const psk = source.pskOf(wanted.id);
    const [answer] = await registered(this.batch.cloud, [{ id: wanted.id, psk }]);
    if (answer === undefined || "error" in answer) return answer?.error.message ?? "no answer";
    return { wanted, psk, counter: answer.counter };
  }
}

/** What concerns one board: the others go on. */
class BoardFailure extends Error {
  /** @param isKnown whether the chip had answered */
  constructor(
    readonly reason: Failure,
    readonly isKnown: boolean,
  ) {
    super(reason.message);
  }
}

const isTriedAgain = ({ reason, isKnown }: BoardFailure, attempt: number): boolean =>
  reason.code === "device_silent" && isKnown && attempt < ATTEMPTS;

/** Work at a board: what fails there concerns that board, but for Ctrl-C. */
async function ofBoard<T>(isKnown: boolean, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (failure instanceof Failure && failure.code !== "interrupted")
      throw new BoardFailure(failure, isKnown);
    throw failure;
  }
}

const unfit = (message: string, next: string): Failure => new Failure("device_unfit", message, next);

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
