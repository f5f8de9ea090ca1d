/** Which serial port the device is at. */
import { usage } from "../cli/failure.js";
import type { Output } from "../cli/output.js";
import { askLine, hasTerminal } from "../cli/prompt.js";
import type { System } from "../cli/system.js";
import { portText } from "../serial/again.js";
import type { PortInfo } from "../serial/ports.js";
import { unavailable } from "../serial/system-ports.js";

/**
 * The port that `--port` names, by its path or by the serial number of the USB device. Without it the only one; of
 * several one is chosen on a terminal, and else none: a board may have two, of which one is the wrong one.
 */
export async function choosePort(
  system: System,
  output: Output,
  given: string | undefined,
): Promise<PortInfo> {
  const ports = await system.ports.list();
  if (given !== undefined) {
    const isIt = ({ path, usb }: PortInfo): boolean => path === given || usb?.serialNumber === given;
    return ports.find(isIt) ?? { path: given, usb: null };
  }
  const [only] = ports;
  if (only === undefined)
    throw unavailable("No serial port is here.", "Plug the device in, or name its port with --port.");
  if (ports.length === 1) return only;
  const listed = ports.map((port, index) => `  ${index + 1}  ${portText(port)}`).join("\n");
  if (!hasTerminal(system))
    throw usage(
      `There are ${ports.length} serial ports: ${ports.map(portText).join("; ")}.`,
      "Name the device's with --port, by its path or its serial number.",
    );
  output.request(listed);
  const answer = Number(await askLine(system, `Which port is the device at? [1-${ports.length}] `));
  const chosen = Number.isInteger(answer) ? ports[answer - 1] : undefined;
  if (chosen === undefined) throw usage("That is none of the ports.", "Name one with --port.");
  return chosen;
}
