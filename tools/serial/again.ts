/** A port as people know it, and the same device at another one. */
import { printable } from "../cli/failure.js";
import type { PortInfo, SerialPorts } from "./ports.js";

/** How long a USB device may take to come back after a reset. */
const BACK_MS_MAX = 10_000;
const LOOK_EVERY_MS = 100;

/** A port as people know it. */
export function portText({ path, usb }: PortInfo): string {
  if (usb === null) return path;
  const id = [usb.vendorId, usb.productId].map((number) => number.toString(16).padStart(4, "0")).join(":");
  const parts = [usb.product, id, usb.serialNumber].filter((part) => part !== null);
  return `${path} (${printable(parts.join(", "), 80)})`;
}

/**
 * Where a USB device is after it reset itself: its path may be another one, its serial number is not.
 * @returns null when it did not come back, or has no serial number
 */
export async function foundAgain(
  ports: SerialPorts,
  { usb }: PortInfo,
  interrupted: AbortSignal,
): Promise<PortInfo | null> {
  if (usb?.serialNumber === null || usb === null) return null;
  for (let waitedMs = 0; waitedMs < BACK_MS_MAX && !interrupted.aborted; waitedMs += LOOK_EVERY_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    const found = (await ports.list()).find((port) => port.usb?.serialNumber === usb.serialNumber);
    if (found !== undefined) return found;
  }
  return null;
}
