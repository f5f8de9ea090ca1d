/**
 * A chip in download mode: the commands of the ESP32 boot loader in ROM and of the flasher that is put into its memory
 * (Espressif's "Serial Protocol"; esptool-js 0.7 speaks to it), over {@link NorFlash}.
 */
import { NorFlash } from "./flash.js";

/** Commands by their numbers. */
export const Op = {
  FLASH_BEGIN: 0x02,
  FLASH_DATA: 0x03,
  FLASH_END: 0x04,
  MEM_BEGIN: 0x05,
  MEM_END: 0x06,
  MEM_DATA: 0x07,
  SYNC: 0x08,
  WRITE_REG: 0x09,
  READ_REG: 0x0a,
  SPI_ATTACH: 0x0d,
  CHANGE_BAUDRATE: 0x0f,
  SPI_FLASH_MD5: 0x13,
  GET_SECURITY_INFO: 0x14,
  READ_FLASH: 0xd2,
} as const;

/** One of them. */
export type OpName = keyof typeof Op;
const NAMES = new Map<number, OpName>(Object.entries(Op).map(([name, op]) => [op, name as OpName]));

const OK = 0;
const FAILED = 1;
const INVALID_MESSAGE = 0x05;
const BAD_CHECKSUM = 0x07;
const CHECKSUM_SEED = 0xef;
/** The ROM answers a SYNC so often, and a command that it has not as often. */
const ROM_REPEATS = 8;
const MAGIC_REGISTER = 0x40001000;
const FRAME_BYTES = 8;
const ROM_BAUD = 115_200;

/** What a chip is. */
export interface Kind {
  readonly name: string;
  /** What its magic register holds. */
  readonly magic: number;
  /** What GET_SECURITY_INFO says; null: it has no such command. */
  readonly chipId: number | null;
  readonly efuseBase: number;
  /** Where the two words of its address lie. */
  readonly macAt: number;
}

/** Those that tests have. */
export const KINDS = {
  esp32: { name: "ESP32", magic: 0x00f01d83, chipId: null, efuseBase: 0x3ff5a000, macAt: 0x3ff5a004 },
  esp32s3: { name: "ESP32-S3", magic: 0x09, chipId: 9, efuseBase: 0x60007000, macAt: 0x60007044 },
} as const satisfies Record<string, Kind>;

/** What a chip's owner has burnt into it. */
export interface Burnt {
  readonly secureBoot?: boolean;
  readonly flashEncryption?: boolean;
  readonly secureDownload?: boolean;
}

/** What is heard and said, in packets without their frames. */
export interface Heard {
  readonly op: OpName | null;
  readonly answers: Uint8Array[];
}

/** A packet being read from flash: the host acknowledges what it has. */
interface Reading {
  readonly at: number;
  readonly size: number;
  readonly block: number;
  readonly inFlight: number;
  sent: number;
}

/** One chip. */
export class Chip {
  readonly flash: NorFlash;
  /** Whether the flasher runs, or still the ROM. */
  isFlasher = false;
  /** How fast it speaks. */
  baudRate = ROM_BAUD;
  /** How often each command came. */
  readonly counts = new Map<OpName, number>();
  private readonly registers = new Map<number, number>();
  private memoryBytes = 0;
  private writeAt = 0;
  private writeBlock = 0;
  private reading: Reading | null = null;

  constructor(
    readonly kind: Kind,
    private readonly burnt: Burnt = {},
    flashBytes = 4 * 1024 * 1024,
    /** The last word of its address. */
    address = 0x01020304,
  ) {
    this.flash = new NorFlash(flashBytes);
    this.registers.set(MAGIC_REGISTER, kind.magic);
    this.registers.set(kind.macAt, address);
    this.registers.set(kind.macAt + 4, 0x240a);
    if (kind.chipId !== null) return;
    this.registers.set(kind.efuseBase, burnt.flashEncryption === true ? 1 << 20 : 0);
    this.registers.set(kind.efuseBase + 24, burnt.secureBoot === true ? 1 << 5 : 0);
  }

  /** Power, or RTS: the ROM runs again. What lies in flash stays. */
  reset(): void {
    this.isFlasher = false;
    this.baudRate = ROM_BAUD;
    this.reading = null;
  }

  /** Takes a packet, and says what comes back. */
  take(packet: Buffer): Heard {
    if (this.reading !== null && packet.length === 4) return this.acknowledged(packet.readUInt32LE(0));
    if (packet.length < FRAME_BYTES || packet[0] !== 0) return { op: null, answers: [] };
    const op = NAMES.get(packet[1] as number) ?? null;
    if (op !== null) this.counts.set(op, (this.counts.get(op) ?? 0) + 1);
    const data = packet.subarray(FRAME_BYTES);
    if (data.length !== packet.readUInt16LE(2))
      return { op, answers: [this.failure(packet, INVALID_MESSAGE)] };
    const answers = op === null || !this.has(op) ? this.unsupported() : this.run(op, packet, data);
    return { op, answers };
  }

  /** What an app that runs from this flash would find in a partition. */
  partition(at: number, size: number): Buffer {
    return Buffer.from(this.flash.bytes.subarray(at, at + size));
  }

  private has(op: OpName): boolean {
    if (op === "READ_FLASH") return this.isFlasher;
    if (op === "GET_SECURITY_INFO") return this.kind.chipId !== null;
    const isBasic = /^(FLASH_|SYNC|SPI_ATTACH)/.test(op);
    return this.burnt.secureDownload !== true || isBasic;
  }

  private run(op: OpName, packet: Buffer, data: Buffer): Uint8Array[] {
    const word = (index: number): number => data.readUInt32LE(index * 4);
    const done = (value = 0, more: Uint8Array = Buffer.alloc(0)): Uint8Array[] => [
      this.answer(packet, value, more),
    ];
    switch (op) {
      case "SYNC":
        return Array.from({ length: this.isFlasher ? 1 : ROM_REPEATS }, () =>
          this.answer(packet, this.isFlasher ? 0 : 0x20120707),
        );
      case "READ_REG":
        return done(this.registers.get(word(0)) ?? 0);
      case "WRITE_REG":
        this.registers.set(word(0), word(1));
        return done();
      case "CHANGE_BAUDRATE":
        this.baudRate = word(0);
        return done();
      case "SPI_ATTACH":
      case "FLASH_END":
        return done();
      case "MEM_BEGIN":
        this.memoryBytes += word(0);
        return done();
      case "MEM_DATA":
        return this.checked(packet, data) ? done() : [this.failure(packet, BAD_CHECKSUM)];
      case "MEM_END":
        this.isFlasher = this.memoryBytes > 0;
        return [...done(), Buffer.from("OHAI")];
      case "FLASH_BEGIN":
        this.writeBlock = word(2);
        this.writeAt = word(3);
        this.flash.erase(this.writeAt, word(0));
        return done();
      case "FLASH_DATA":
        return this.write(packet, data) ? done() : [this.failure(packet, BAD_CHECKSUM)];
      case "SPI_FLASH_MD5": {
        const digest = this.flash.md5(word(0), word(1));
        return done(0, this.isFlasher ? digest : Buffer.from(digest.toString("hex")));
      }
      case "GET_SECURITY_INFO":
        return done(0, this.securityInfo());
      case "READ_FLASH":
        this.reading = { at: word(0), size: word(1), block: word(2), inFlight: word(3), sent: 0 };
        return [...done(), ...this.packets(0)];
    }
  }

  private securityInfo(): Buffer {
    const { secureBoot, flashEncryption, secureDownload } = this.burnt;
    const info = Buffer.alloc(20);
    info.writeUInt32LE((secureBoot === true ? 1 : 0) | (secureDownload === true ? 4 : 0), 0);
    info[4] = flashEncryption === true ? 1 : 0;
    info.writeUInt32LE(this.kind.chipId ?? 0, 12);
    return info;
  }

  private checked(packet: Buffer, data: Buffer): boolean {
    const sum = data.subarray(16).reduce((before, byte) => before ^ byte, CHECKSUM_SEED);
    return (packet.readUInt32LE(4) & 0xff) === sum && data.readUInt32LE(0) === data.length - 16;
  }

  private write(packet: Buffer, data: Buffer): boolean {
    if (!this.checked(packet, data)) return false;
    this.flash.write(this.writeAt + data.readUInt32LE(4) * this.writeBlock, data.subarray(16));
    return true;
  }

  private acknowledged(got: number): Heard {
    return { op: null, answers: this.packets(got) };
  }

  /** The packets that may be under way while the host has so many bytes. */
  private packets(got: number): Uint8Array[] {
    const { reading } = this;
    if (reading === null) return [];
    const packets: Uint8Array[] = [];
    while (reading.sent < reading.size && reading.sent < got + reading.block * reading.inFlight) {
      const length = Math.min(reading.block, reading.size - reading.sent);
      const from = reading.at + reading.sent;
      packets.push(Buffer.from(this.flash.bytes.subarray(from, from + length)));
      reading.sent += length;
    }
    if (got < reading.size) return packets;
    this.reading = null;
    return [this.flash.md5(reading.at, reading.size)];
  }

  private answer(packet: Buffer, value: number, more: Uint8Array = Buffer.alloc(0)): Buffer {
    return this.reply(packet[1] as number, value, Buffer.concat([more, this.status(OK, 0)]));
  }

  private failure(packet: Buffer, why: number): Buffer {
    return this.reply(packet[1] as number, 0, this.status(FAILED, why));
  }

  private unsupported(): Uint8Array[] {
    const one = this.reply(0, 0, this.status(FAILED, INVALID_MESSAGE));
    return Array.from({ length: ROM_REPEATS }, () => one);
  }

  /** The ROM has two bytes more. */
  private status(state: number, why: number): Buffer {
    return Buffer.from(this.isFlasher ? [state, why] : [state, why, 0, 0]);
  }

  private reply(op: number, value: number, data: Uint8Array): Buffer {
    const head = Buffer.alloc(FRAME_BYTES);
    head[0] = 1;
    head[1] = op;
    head.writeUInt16LE(data.length, 2);
    head.writeUInt32LE(value >>> 0, 4);
    return Buffer.concat([head, data]);
  }
}
