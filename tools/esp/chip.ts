/**
 * An ESP32 in its boot loader's download mode, through esptool-js. Neither that nor serialport promises to call back:
 * every exchange here has a deadline, after which the line is closed.
 */
import { createHash } from "node:crypto";
import { ESPLoader, type ROM, Transport } from "esptool-js";
import { Failure } from "../cli/failure.js";
import { waitFor } from "../cli/wait.js";
import type { PortInfo, SerialLine } from "../serial/ports.js";
import { WebSerialPort } from "../serial/web-serial.js";
import { type Security, securityOf } from "./security.js";

/** The speed of every boot loader until another is agreed on. */
export const ROM_BAUD = 115_200;
const SECTOR_BYTES = 0x1000;
/** The most that a block of the flasher takes. */
const BLOCK_BYTES_MAX = 0x4000;
const DIGEST_BYTES = 16;

const CONNECT_MS_MAX = 20_000;
const COMMAND_MS_MAX = 6_000;
const STUB_MS_MAX = 20_000;
const CLOSE_MS_MAX = 2_000;
/** What a transfer may take beyond the time on the wire: erasing, and blocks that are sent again. */
const TRANSFER_MS_MORE = 25_000;
const RESET_MS = 100;

/** What was found at the port. */
export interface ChipInfo {
  /** As Espressif writes it, such as ESP32-S3. */
  readonly name: string;
  /** Its address, which no other chip has: `24:0a:c4:00:01:02`. */
  readonly mac: string;
}

/** Called with how far a transfer is. */
export type Progress = (done: number, total: number) => void;

/** One chip, from the connection to the restart. */
export class EspChip {
  private readonly loader: ESPLoader;
  private readonly transport: Transport;
  private readonly lost: Promise<never>;
  /** Whether the port has gone. */
  isLost = false;

  constructor(
    private readonly line: SerialLine,
    private readonly baudRate: number,
    private readonly interrupted: AbortSignal,
  ) {
    this.transport = new Transport(new WebSerialPort(line) as never, false);
    // What the library would print goes nowhere: its trace has the image in it, with all keys.
    this.transport.trace = () => undefined;
    const nowhere = { clean: () => undefined, write: () => undefined, writeLine: () => undefined };
    this.loader = new ESPLoader({
      transport: this.transport,
      baudrate: baudRate,
      romBaudrate: ROM_BAUD,
      terminal: nowhere,
      debugLogging: false,
      enableTracing: false,
    });
    this.loader.FLASH_READ_TIMEOUT = COMMAND_MS_MAX;
    this.lost = line.ended.then(() => {
      this.isLost = true;
      throw new Failure(
        "device_silent",
        `${line.info.path} is gone: the device was unplugged, or reset itself.`,
        "Check the cable and the supply, and run it again.",
      );
    });
    this.lost.catch(() => undefined);
  }

  get port(): PortInfo {
    return this.line.info;
  }

  /**
   * Has the chip's boot loader answer, and says which chip it is.
   * @param isReset whether the port's lines are to reset it into download mode; else it is there already
   */
  async connect(isReset: boolean): Promise<string> {
    const connect = (): Promise<void> => this.loader.connect(isReset ? "default_reset" : "no_reset");
    await this.exchange("the boot loader", CONNECT_MS_MAX, connect, unheard);
    const { chip } = this.loader;
    // The library reads a chip's revision to choose among the P4's flashers; the others have one.
    if (chip.CHIP_NAME !== "ESP32-P4")
      this.loader.chip = Object.create(chip, { getChipRevision: { value: undefined } }) as ROM;
    return chip.CHIP_NAME;
  }

  /** What the chip's eFuses forbid. */
  security(): Promise<Security> {
    return this.exchange("the eFuses", COMMAND_MS_MAX, () => securityOf(this.loader));
  }

  /** The chip's address. */
  mac(): Promise<string> {
    return this.exchange("its address", COMMAND_MS_MAX, () => this.loader.chip.readMac(this.loader));
  }

  /**
   * Starts the flasher in the chip's memory, and agrees on the speed.
   * @throws Failure where the chip takes none: without it nothing can be read
   */
  async startFlasher(): Promise<void> {
    await this.exchange("the flasher", STUB_MS_MAX, async () => {
      if (this.port.usb?.vendorId === 0x303a) await this.loader.chip.postConnect?.(this.loader);
      await this.loader.runStub();
    });
    if (!this.loader.IS_STUB)
      throw new Failure(
        "device_unfit",
        `The ${this.loader.chip.CHIP_NAME} runs no flasher, and its boot loader cannot read flash: nothing could be merged or compared.`,
        "Write its credential over the air, or before download mode is restricted.",
      );
    if (this.baudRate !== ROM_BAUD)
      await this.exchange("the new speed", STUB_MS_MAX, () => this.loader.changeBaud());
  }

  /**
   * Reads flash. What comes is compared with the digest that the flasher sends behind it, which the library leaves
   * unread.
   */
  async read(at: number, size: number, progress: Progress = () => undefined): Promise<Buffer> {
    return this.exchange(`flash at 0x${at.toString(16)}`, this.transferMs(size), async () => {
      const bytes = Buffer.from(
        await this.loader.readFlash(at, size, (_packet: Uint8Array, done: number) => progress(done, size)),
      );
      const digest = await this.transport.read(COMMAND_MS_MAX);
      if (digest.length === DIGEST_BYTES && md5(bytes).equals(digest)) return bytes;
      throw new Failure(
        "device_unverified",
        `What was read at 0x${at.toString(16)} came damaged over the line.`,
        "Use a shorter cable or a lower --baud, and run it again.",
      );
    });
  }

  /** Writes whole sectors. Nothing is compared yet. */
  async write(at: number, bytes: Uint8Array, progress: Progress = () => undefined): Promise<void> {
    const { loader } = this;
    // A last block that is not full is sent full of FF: a size that divides the image sends nothing more.
    loader.FLASH_WRITE_SIZE = blockOf(bytes.length, Math.min(loader.FLASH_WRITE_SIZE, BLOCK_BYTES_MAX));
    await this.exchange("writing", this.transferMs(bytes.length), () =>
      loader.writeFlash({
        fileArray: [{ data: bytes, address: at }],
        flashMode: "keep",
        flashFreq: "keep",
        flashSize: "keep",
        eraseAll: false,
        // A block that is sent again in a compressed stream spoils all that follows.
        compress: false,
        reportProgress: (_file: number, done: number, total: number) => progress(done, total),
      }),
    );
  }

  /** The MD5 of flash, as the chip computes it. */
  async md5(at: number, size: number): Promise<string> {
    return this.exchange("its MD5", this.transferMs(size), () => this.loader.flashMd5sum(at, size));
  }

  /** Lets the chip run its app. Where the port has no such lines, or leaves with the reset, that is no failure. */
  async restart(): Promise<void> {
    const pulse = async (): Promise<void> => {
      // The library's own `after("hard_reset")` releases RTS and never asserts it.
      await this.line.setSignals({ dtr: false, rts: true });
      await new Promise((resolve) => setTimeout(resolve, RESET_MS));
      await this.line.setSignals({ dtr: false, rts: false });
    };
    await this.exchange("the restart", CLOSE_MS_MAX, pulse).catch(() => undefined);
  }

  /** Closes the port; never rejects, and never waits long. */
  async close(): Promise<void> {
    const late = new Error("the port does not close");
    await waitFor(CLOSE_MS_MAX, late, () => this.line.close()).catch(() => undefined);
  }

  private transferMs(bytes: number): number {
    return (bytes * 10 * 4 * 1000) / Math.min(this.baudRate, ROM_BAUD) + TRANSFER_MS_MORE;
  }

  private async exchange<T>(
    what: string,
    limitMs: number,
    work: () => Promise<T>,
    failed = silent,
  ): Promise<T> {
    const late = failed(this.port, `no answer about ${what} within ${Math.round(limitMs / 1000)} s`);
    try {
      return await waitFor(limitMs, late, () => Promise.race([work(), this.lost]), this.interrupted);
    } catch (failure) {
      if (failure instanceof Failure || this.interrupted.aborted) throw failure;
      throw failed(this.port, `${what}: ${reasonOf(failure)}`);
    }
  }
}

/** The largest block that is whole sectors and divides the image; one sector where none does. */
function blockOf(size: number, most: number): number {
  for (let block = most - (most % SECTOR_BYTES); block > SECTOR_BYTES; block -= SECTOR_BYTES)
    if (size % block === 0) return block;
  return Math.min(most, SECTOR_BYTES);
}

/** The MD5 of bytes, as the chip has it. */
export const md5 = (bytes: Uint8Array): Buffer => createHash("md5").update(bytes).digest();

const silent = ({ path }: PortInfo, what: string): Failure =>
  new Failure(
    "device_silent",
    `The device at ${path} stopped answering: ${what}.`,
    "Check the cable and the supply, use a lower --baud, and run it again.",
  );

const unheard = ({ path }: PortInfo): Failure =>
  new Failure(
    "device_silent",
    `No boot loader answers at ${path}.`,
    "Hold BOOT, press and release RESET (EN), release BOOT, and run it again. Where the board has two ports, try the other.",
  );

/** The library's words without their line breaks. They hold numbers of commands and no data. */
const reasonOf = (failure: unknown): string =>
  (failure instanceof Error ? failure.message : String(failure)).replace(/\s+/g, " ").slice(0, 120);
