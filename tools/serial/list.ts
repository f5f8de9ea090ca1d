/** Which serial ports this machine has. */
import { readdir, readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PortInfo, UsbInfo } from "./ports.js";

/** USB devices, and the serial ports of small computers; `ttyS` are mostly ports that nothing is behind. */
const NAMES = /^tty(USB|ACM|AMA|XRUSB|WCHUSB)\d+$/;

/**
 * The ports of Linux, as the kernel shows them. serialport's own list starts `udevadm` on Linux, and where that is not
 * installed its `spawn` ends the whole process with an unhandled error.
 * @param sys where sysfs is
 */
export async function linuxPorts(sys = "/sys"): Promise<PortInfo[]> {
  const folder = join(sys, "class/tty");
  const names = (await readdir(folder).catch(() => [])).filter((name) => NAMES.test(name));
  const ports = names.map(async (name) => ({ path: `/dev/${name}`, usb: await usbOf(join(folder, name)) }));
  return (await Promise.all(ports)).sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
}

/** The USB device that a port belongs to: the first folder above it that has a vendor. */
async function usbOf(port: string): Promise<UsbInfo | null> {
  let folder = await realpath(join(port, "device")).catch(() => "/");
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const read = (name: string): Promise<string | null> =>
      readFile(join(folder, name), "utf8").then(
        (text) => text.trim() || null,
        () => null,
      );
    const [vendor, product] = [await read("idVendor"), await read("idProduct")];
    if (vendor !== null && product !== null)
      return {
        vendorId: Number.parseInt(vendor, 16),
        productId: Number.parseInt(product, 16),
        serialNumber: await read("serial"),
        product: await read("product"),
      };
  }
  return null;
}

/** The ports of this machine. */
export async function systemList(platform: NodeJS.Platform): Promise<PortInfo[]> {
  if (platform === "linux") return linuxPorts();
  const { SerialPort } = await import("serialport");
  const ports = await SerialPort.list();
  return ports.map(({ path, vendorId, productId, serialNumber, manufacturer }) => ({
    path,
    usb:
      vendorId === undefined || productId === undefined
        ? null
        : {
            vendorId: Number.parseInt(vendorId, 16),
            productId: Number.parseInt(productId, 16),
            serialNumber: serialNumber ?? null,
            product: manufacturer ?? null,
          },
  }));
}
