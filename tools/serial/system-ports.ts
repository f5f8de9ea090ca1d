/** The serial ports of this machine, through serialport. */
import { realpathSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { SerialPort } from "serialport";
import { Failure, printable } from "../cli/failure.js";
import { systemList } from "./list.js";
import type { PortInfo, SerialLine, SerialPorts, Signals } from "./ports.js";

/** @param platform the operating system */
export const systemPorts = (platform: NodeJS.Platform): SerialPorts => ({
  list: () => systemList(platform),
  open: async (info, baudRate) => {
    const { SerialPort } = await import("serialport");
    const port = new SerialPort({ path: info.path, baudRate, autoOpen: false });
    const line = new SystemLine(info, port);
    await new Promise<void>((resolve, reject) =>
      port.open((failure) => {
        if (failure === null || failure === undefined) resolve();
        else void whyClosed(info.path, failure).then(reject);
      }),
    );
    return line;
  },
});

class SystemLine implements SerialLine {
  readonly ended: Promise<void>;
  private listener: (bytes: Uint8Array) => void = () => undefined;
  /** serialport sets those that are not named to true: both are given each time. */
  private signals: Required<Signals> = { dtr: true, rts: true };

  constructor(
    readonly info: PortInfo,
    private readonly port: SerialPort,
  ) {
    port.on("data", (bytes: Buffer) => this.listener(bytes));
    this.ended = new Promise((resolve) => {
      port.once("close", () => resolve());
      // Who writes or sets hears it too.
      port.on("error", () => resolve());
    });
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.listener = listener;
  }

  write(bytes: Uint8Array): Promise<void> {
    return settled((done) => void this.port.write(Buffer.from(bytes), done));
  }

  setBaudRate(baudRate: number): Promise<void> {
    return settled((done) => this.port.update({ baudRate }, done));
  }

  async setSignals(signals: Signals): Promise<void> {
    this.signals = { ...this.signals, ...signals };
    try {
      await settled((done) => this.port.set({ ...this.signals, brk: false }, done));
    } catch (failure) {
      if (!isPseudoTerminal(this.info.path)) throw failure;
    }
  }

  close(): Promise<void> {
    return this.port.isOpen ? settled((done) => this.port.close(done)) : Promise.resolve();
  }
}

const settled = (call: (done: (failure?: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) =>
    call((failure) => (failure === null || failure === undefined ? resolve() : reject(failure))),
  );

/** A pseudo-terminal has no such lines, which is no failure; of a real port it is one. */
function isPseudoTerminal(path: string): boolean {
  try {
    return realpathSync(path).startsWith("/dev/pts/");
  } catch {
    return false;
  }
}

/** What keeps a port closed, and what to do. */
async function whyClosed(path: string, { message }: Error): Promise<Failure> {
  const shown = printable(path, 200);
  if (/cannot lock|busy|access denied/i.test(message))
    return unavailable(
      `${shown} is in use by another program.`,
      "Close the serial monitor, the IDE or the other flasher that has it open.",
    );
  if (/permission|EACCES/i.test(message))
    return unavailable(`${shown} may not be opened by this user.`, await join(path));
  if (/no such file|file not found/i.test(message))
    return unavailable(`${shown} is not there.`, "Plug the device in; without --port the ports are listed.");
  if (/inappropriate ioctl|not a tty/i.test(message))
    return unavailable(`${shown} is no serial port.`, "Check --port.");
  return unavailable(
    `${shown} cannot be opened: ${printable(message, 200)}.`,
    "Check --port, and the cable.",
  );
}

/** Which group may open a port. */
async function join(path: string): Promise<string> {
  try {
    const { gid } = statSync(path);
    const groups = (await readFile("/etc/group", "utf8")).split("\n").map((line) => line.split(":"));
    const name = groups.find(([, , id]) => id === `${gid}`)?.[0] ?? "dialout";
    return `Join its group: sudo usermod -aG ${name} $USER, then log in again.`;
  } catch {
    return "On Linux join the group dialout, then log in again.";
  }
}

/** A port that cannot be used. */
export const unavailable = (message: string, next: string): Failure =>
  new Failure("port_unavailable", message, next);
