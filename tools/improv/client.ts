/** A device that speaks Improv Serial, asked one thing at a time; each has its deadline. */
import { Failure, printable } from "../cli/failure.js";
import { waitFor } from "../cli/wait.js";
import type { SerialLine } from "../serial/ports.js";
import {
  Command,
  type CommandNumber,
  commandData,
  DeviceState,
  PacketType,
  packetOf,
  resultOf,
  Unpacker,
} from "./packet.js";

/** The speed that the standard names. */
export const IMPROV_BAUD = 115_200;

/** A device that was just reset begins to listen some seconds later, and hears nothing before. */
const FIRST_ANSWER_MS_MAX = 12_000;
const ASK_EVERY_MS = 1_000;
const ANSWER_MS_MAX = 5_000;
const SCAN_MS_MAX = 30_000;
/** Devices try a network for half a minute, some twice. */
const JOIN_MS_MAX = 75_000;
/** A device that joined sends its address at once. */
const ADDRESS_MS_MAX = 2_000;
const WRITE_MS_MAX = 5_000;

/** What a device says of itself. */
export interface DeviceInfo {
  readonly firmware: string;
  readonly version: string;
  readonly chip: string;
  readonly name: string;
}

/** A network that a device sees. */
export interface Network {
  readonly ssid: string;
  /** dBm; null: the device did not say. */
  readonly rssi: number | null;
  readonly isOpen: boolean;
}

const ERRORS: Readonly<Record<number, string>> = {
  1: "it could not read the command",
  2: "it does not know the command",
  3: "it could not connect to the network",
  4: "it wants to be allowed by a button first",
  255: "it has an error of its own",
};
const UNKNOWN_COMMAND = 2;
const NOT_CONNECTED = 3;

/** A command under way. */
interface Asked {
  readonly command: CommandNumber;
  readonly result: (texts: string[]) => void;
  readonly error: (code: number) => void;
  readonly state: (state: number) => void;
}

/** One device at an open line. */
export class Improv {
  private readonly unpacker = new Unpacker();
  private asked: Asked | null = null;

  constructor(
    private readonly line: SerialLine,
    private readonly interrupted: AbortSignal,
  ) {
    line.onData((bytes) => {
      for (const { type, data } of this.unpacker.take(bytes)) this.hear(type, data);
    });
  }

  /**
   * Waits until the device answers.
   * @returns whether it is in a network already
   * @throws Failure where nothing answers, or the device takes no network now
   */
  async connect(): Promise<boolean> {
    const state = await this.exchange(Command.STATE, [], FIRST_ANSWER_MS_MAX, this.unheard(), {
      state: (now, done) => done(now),
      again: ASK_EVERY_MS,
    });
    if (state === DeviceState.STOPPED)
      throw unfit(
        "The device takes no Wi-Fi network now.",
        "Its Wi-Fi may be off, or a cable be its network: see its manual.",
      );
    if (state === DeviceState.WAITING)
      throw unfit("The device wants to be allowed first.", "Press its button, and run it again.");
    return state === DeviceState.JOINED;
  }

  /** What the device is. */
  async info(): Promise<DeviceInfo> {
    const texts = await this.exchange(Command.INFO, [], ANSWER_MS_MAX, this.silent("what it is"), RESULT);
    const [firmware = "", version = "", chip = "", name = ""] = texts.map((text) => printable(text, 80));
    return { firmware, version, chip, name };
  }

  /** The networks that the device sees, the strongest first, each once. */
  async scan(): Promise<Network[]> {
    const found = new Map<string, Network>();
    await this.exchange<void>(Command.SCAN, [], SCAN_MS_MAX, this.silent("the networks that it sees"), {
      // One network a result; an empty one ends the list. Some devices send all in one.
      result: (texts, done) => {
        if (texts.length === 0) return done();
        for (let at = 0; at + 2 < texts.length; at += 3) {
          const [ssid = "", rssi = "", secured = ""] = texts.slice(at, at + 3);
          const network = { ssid, rssi: numberIn(rssi), isOpen: secured === "NO" };
          const known = found.get(ssid);
          if (ssid !== "" && (known === undefined || strength(known) < strength(network)))
            found.set(ssid, network);
        }
      },
    });
    return [...found.values()].sort((a, b) => strength(b) - strength(a));
  }

  /**
   * Has the device join a network, and waits until it did.
   * @returns where the device can be visited; null: it does not say
   * @throws Failure where it could not
   */
  async join(ssid: string, password: string): Promise<string | null> {
    const [name, secret] = [new TextEncoder().encode(ssid), new TextEncoder().encode(password)];
    let isTrying = false;
    let grace: NodeJS.Timeout | undefined;
    const late = new Failure(
      "wifi_failed",
      `The device has not joined '${printable(ssid, 40)}' within ${JOIN_MS_MAX / 1000} s.`,
      "Check that the network is in its reach, and run it again.",
    );
    try {
      return await this.exchange<string | null>(Command.JOIN, [name, secret], JOIN_MS_MAX, late, {
        result: ([url = ""], done) => done(url === "" ? null : printable(url, 200)),
        // The address comes with the result; a device that has none may send no result.
        state: (state, done) => {
          if (state === DeviceState.JOINING) isTrying = true;
          else if (state === DeviceState.JOINED && isTrying) grace ??= setTimeout(done, ADDRESS_MS_MAX, null);
        },
        error: (code) => (code === NOT_CONNECTED ? refused(ssid) : null),
      });
    } finally {
      clearTimeout(grace);
      secret.fill(0);
    }
  }

  private hear(type: number, data: Uint8Array): void {
    const [first] = data;
    if (type === PacketType.STATE && first !== undefined) this.asked?.state(first);
    else if (type === PacketType.ERROR && first !== undefined && first !== 0) this.asked?.error(first);
    else if (type === PacketType.RESULT) {
      const result = resultOf(data);
      if (result !== null && result.command === this.asked?.command) this.asked.result(result.texts);
    }
  }

  /** Sends a command, and resolves to what `how` makes of what comes. */
  private async exchange<T>(
    command: CommandNumber,
    texts: readonly Uint8Array[],
    limitMs: number,
    late: Failure,
    how: Exchange<T>,
  ): Promise<T> {
    const data = commandData(command, texts);
    const packet = packetOf(PacketType.COMMAND, data);
    data.fill(0);
    let timer: NodeJS.Timeout | undefined;
    const send = (): Promise<void> =>
      waitFor(WRITE_MS_MAX, this.gone(), () => this.line.write(packet), this.interrupted).catch((failure) => {
        throw failure instanceof Failure || this.interrupted.aborted ? failure : this.gone();
      });
    try {
      const answered = new Promise<T>((resolve, reject) => {
        this.asked = {
          command,
          result: (said) => how.result?.(said, resolve),
          state: (state) => how.state?.(state, resolve),
          error: (code) => reject(how.error?.(code) ?? complaint(code)),
        };
        send().catch(reject);
        if (how.again !== undefined) timer = setInterval(() => send().catch(reject), how.again);
      });
      const ended = this.line.ended.then(() => Promise.reject(this.gone()));
      return await waitFor(limitMs, late, () => Promise.race([answered, ended]), this.interrupted);
    } finally {
      clearInterval(timer);
      this.asked = null;
      packet.fill(0);
    }
  }

  private unheard(): Failure {
    return new Failure(
      "device_silent",
      `No device answers Improv at ${this.line.info.path}.`,
      "Its app has to speak Improv Serial there, and must run: press RESET once. Where the board has two ports, try the other.",
    );
  }

  private silent(what: string): Failure {
    return new Failure(
      "device_silent",
      `The device at ${this.line.info.path} does not say ${what}.`,
      "Run it again.",
    );
  }

  private gone(): Failure {
    return new Failure(
      "device_silent",
      `${this.line.info.path} is gone: the device was unplugged, or reset itself.`,
      "Check the cable and the supply, and run it again.",
    );
  }
}

/** What an exchange makes of packets; `done` ends it. */
interface Exchange<T> {
  readonly result?: (texts: string[], done: (value: T) => void) => void;
  readonly state?: (state: number, done: (value: T) => void) => void;
  /** The failure that a code stands for; null: the usual one. */
  readonly error?: (code: number) => Failure | null;
  /** Sent again so often until something comes. */
  readonly again?: number;
}

const RESULT: Exchange<string[]> = { result: (texts, done) => done(texts) };

const strength = ({ rssi }: Network): number => rssi ?? Number.NEGATIVE_INFINITY;

const numberIn = (text: string): number | null => (/^-?\d{1,3}$/.test(text) ? Number(text) : null);

const unfit = (message: string, next: string): Failure => new Failure("device_unfit", message, next);

const refused = (ssid: string): Failure =>
  new Failure(
    "wifi_failed",
    `The device could not join '${printable(ssid, 40)}'.`,
    "Check the network's name and password, and that the device is in its reach on 2.4 GHz.",
  );

function complaint(code: number): Failure {
  const why = ERRORS[code] ?? `it answers error ${code}`;
  return code === UNKNOWN_COMMAND
    ? unfit(`The device refuses: ${why}.`, "Its firmware speaks a part of Improv only; update it.")
    : new Failure("wifi_failed", `The device refuses: ${why}.`, "Run it again.");
}
