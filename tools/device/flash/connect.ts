/** From a port to a chip that answers. */
import { Failure } from "../../cli/failure.js";
import { EspChip, ROM_BAUD } from "../../esp/chip.js";
import { refuseLocked, unfit } from "../../esp/security.js";
import { foundAgain, portText } from "../../serial/again.js";
import type { PortInfo, SerialLine, SerialPorts } from "../../serial/ports.js";

/** How often a port that came back is opened: its permissions are set a moment after it appears. */
const OPEN_ATTEMPTS = 10;
const OPEN_AGAIN_MS = 200;

/** What has the ports. */
interface Machine {
  readonly ports: SerialPorts;
  readonly interrupted: AbortSignal;
}

/** What is known of a chip whose flasher runs. */
export interface Connected {
  readonly chip: EspChip;
  readonly name: string;
  readonly mac: string;
}

/**
 * Connects, refuses a chip whose flash is locked, and starts the flasher.
 * @param wanted the chip that `--chip` names
 */
export async function connectChip(
  system: Machine,
  output: { note(text: string): void },
  port: PortInfo,
  how: { readonly baudRate: number; readonly wanted: string | undefined },
): Promise<Connected> {
  output.note(`Connecting to ${portText(port)} …`);
  const { chip, name } = await answering(system, port, how.baudRate);
  try {
    if (how.wanted !== undefined && plain(how.wanted) !== plain(name))
      throw unfit(`The chip is an ${name}, and not an ${how.wanted}.`, "Check which board is at the port.");
    refuseLocked(name, await chip.security());
    const mac = await chip.mac();
    output.note(`${name}, ${mac}`);
    await chip.startFlasher();
    return { chip, name, mac };
  } catch (failure) {
    await chip.restart();
    await chip.close();
    throw failure;
  }
}

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z\d]/g, "");

/** A chip with a USB port of its own leaves when it is reset, and comes back under a path that may be another. */
async function answering(
  system: Machine,
  port: PortInfo,
  baudRate: number,
): Promise<{ chip: EspChip; name: string }> {
  let info = port;
  for (let isReset = true; ; isReset = false) {
    const line = isReset ? await system.ports.open(info, ROM_BAUD) : await openedAgain(system, info);
    const chip = new EspChip(line, baudRate, system.interrupted);
    try {
      return { chip, name: await chip.connect(isReset) };
    } catch (failure) {
      await chip.close();
      const back = chip.isLost && isReset ? await foundAgain(system.ports, info, system.interrupted) : null;
      if (back === null) throw failure;
      info = back;
    }
  }
}

async function openedAgain(system: Machine, info: PortInfo): Promise<SerialLine> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await system.ports.open(info, ROM_BAUD);
    } catch (failure) {
      const isFinal = attempt === OPEN_ATTEMPTS || !(failure instanceof Failure);
      if (isFinal || system.interrupted.aborted) throw failure;
      await new Promise((resolve) => setTimeout(resolve, OPEN_AGAIN_MS));
    }
  }
}
