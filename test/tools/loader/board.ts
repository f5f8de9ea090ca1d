/** A board: a chip behind a line that can be bad, at a pseudo-terminal or within this process. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import type { PortInfo, SerialLine, SerialPorts, Signals } from "../../../tools/serial/ports.js";
import { until } from "../../until.js";
import type { Chip, OpName } from "./chip.js";
import { framed, Unframer } from "./slip.js";

/** What a line may do to what it carries. Each is asked for every packet. */
export interface Faults {
  /** Changes what the host sends, framed; null: it is lost. */
  toChip?: (bytes: Buffer) => Buffer | null;
  /** Changes what the chip answers to a command; null: it is lost. */
  fromChip?: (bytes: Buffer, op: OpName | null) => Buffer | null;
  /** How long the chip takes for a command, ms. */
  delayMs?: (op: OpName | null) => number;
  /** Whether the line goes after this command, before its answer. */
  unplugs?: (op: OpName | null) => boolean;
}

/** What went over the line. */
export interface Traffic {
  commands: number;
  bytes: number;
}

/** A chip and its line, without what carries the bytes. */
export class Board implements Peer {
  readonly traffic: Traffic = { commands: 0, bytes: 0 };
  faults: Faults = {};
  /** Whether the chip is in download mode; else it says nothing that a loader understands. */
  isListening = true;
  /** How fast the host speaks; null: the line does not know. At another speed than the chip's nothing is understood. */
  hostBaud: number | null = null;
  /** Told the bytes for the host. */
  say: (bytes: Buffer) => void = () => undefined;
  /** Told when the line goes. */
  unplug: () => void = () => undefined;
  private unframer = new Unframer();
  private work: Promise<void> = Promise.resolve();

  constructor(readonly chip: Chip) {}

  /** Takes what the host sends. */
  hear(bytes: Uint8Array): void {
    this.traffic.bytes += bytes.length;
    const { toChip } = this.faults;
    const came = toChip === undefined ? Buffer.from(bytes) : toChip(Buffer.from(bytes));
    if (came === null) return;
    for (const packet of this.unframer.take(came)) this.work = this.work.then(() => this.serve(packet));
  }

  /** The chip begins anew, in its boot loader. */
  reset(): void {
    this.unframer = new Unframer();
    this.chip.reset();
  }

  private async serve(packet: Buffer): Promise<void> {
    if (!this.isListening || (this.hostBaud ?? this.chip.baudRate) !== this.chip.baudRate) return;
    const { op, answers } = this.chip.take(packet);
    if (op !== null) this.traffic.commands++;
    const delay = this.faults.delayMs?.(op) ?? 0;
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    if (this.faults.unplugs?.(op) === true) {
      this.unplug();
      return;
    }
    for (const answer of answers) {
      const bytes = framed(answer);
      const said = this.faults.fromChip === undefined ? bytes : this.faults.fromChip(bytes, op);
      if (said === null) continue;
      this.traffic.bytes += said.length;
      this.say(said);
    }
  }
}

/** What may stand at the other end of a line. */
export interface Peer {
  /** Takes what the host sends. */
  hear(bytes: Uint8Array): void;
  /** Sends to the host. */
  say: (bytes: Buffer) => void;
  unplug: () => void;
}

/** A board, or another peer, at a pseudo-terminal, through socat: serialport opens it as any port. */
export class PtyBoard<P extends Peer = Board> {
  readonly path: string;
  private socat: ChildProcessWithoutNullStreams | null = null;
  private held: number | null = null;

  /** @param folder where the port's name lies */
  constructor(
    readonly board: P,
    folder: string,
    name = "ttyESP0",
  ) {
    this.path = join(folder, name);
  }

  async plug(): Promise<this> {
    const socat = spawn("socat", ["-b65536", `pty,rawer,link=${this.path}`, "-"], { stdio: "pipe" });
    this.socat = socat;
    socat.stdout.on("data", (bytes: Buffer) => this.board.hear(bytes));
    socat.stdin.on("error", () => undefined);
    await until("socat's pseudo-terminal", () => existsSync(this.path));
    // socat ends when nobody has the terminal open any more, and a program may open it twice.
    this.held = openSync(this.path, constants.O_RDWR | constants.O_NOCTTY);
    this.board.say = (bytes) => socat.stdin.write(bytes);
    this.board.unplug = () => void this.unplug();
    return this;
  }

  /** Pulls it out. */
  async unplug(): Promise<void> {
    const { socat } = this;
    if (this.held !== null) closeSync(this.held);
    this.held = null;
    this.socat = null;
    if (socat === null || socat.exitCode !== null || socat.signalCode !== null) return;
    const ended = once(socat, "exit");
    socat.kill("SIGKILL");
    await ended;
  }
}

/** Ports within this process, whose lines to the chip's reset and boot pins are there too. */
export class FakePorts implements SerialPorts {
  readonly boards = new Map<string, { info: PortInfo; board: Board }>();
  /** Told of each reset, after it: whether the chip is in download mode now. */
  onReset: (info: PortInfo, board: Board) => void = () => undefined;
  readonly opened: string[] = [];

  add(info: PortInfo, board: Board): this {
    this.boards.set(info.path, { info, board });
    return this;
  }

  list(): Promise<PortInfo[]> {
    return Promise.resolve([...this.boards.values()].map(({ info }) => info));
  }

  open(info: PortInfo, baudRate: number): Promise<SerialLine> {
    const found = this.boards.get(info.path);
    if (found === undefined) return Promise.reject(new Error(`there is no ${info.path}`));
    this.opened.push(info.path);
    const { board } = found;
    board.hostBaud = baudRate;
    const line = new FakeLine(info, board, (isBootLow) => {
      board.reset();
      board.isListening = isBootLow;
      this.onReset(info, board);
    });
    return Promise.resolve(line);
  }
}

/** A port of {@link FakePorts} that is open. */
class FakeLine implements SerialLine {
  readonly ended: Promise<void>;
  private end: () => void = () => undefined;
  private isOpen = true;
  private lines: Required<Signals> = { dtr: false, rts: false };
  /** A chip with USB of its own remembers that DTR was set before RTS. */
  private wasBootAsked = false;

  constructor(
    readonly info: PortInfo,
    private readonly board: Board,
    private readonly released: (isBootLow: boolean) => void,
  ) {
    this.ended = new Promise((resolve) => {
      this.end = () => {
        this.isOpen = false;
        resolve();
      };
    });
    board.unplug = this.end;
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.board.say = listener;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.whileOpen(() => this.board.hear(bytes));
  }

  setBaudRate(baudRate: number): Promise<void> {
    return this.whileOpen(() => {
      this.board.hostBaud = baudRate;
    });
  }

  setSignals(signals: Signals): Promise<void> {
    return this.whileOpen(() => {
      const isReleased = this.lines.rts && signals.rts === false;
      this.lines = { ...this.lines, ...signals };
      if (this.lines.dtr && !this.lines.rts) this.wasBootAsked = true;
      if (!isReleased) return;
      const isBootLow = this.info.usb === null ? this.lines.dtr : this.wasBootAsked;
      this.wasBootAsked = false;
      this.released(isBootLow);
    });
  }

  close(): Promise<void> {
    this.end();
    return Promise.resolve();
  }

  private whileOpen(work: () => void): Promise<void> {
    if (!this.isOpen) return Promise.reject(new Error("Port is not open"));
    work();
    return Promise.resolve();
  }
}
