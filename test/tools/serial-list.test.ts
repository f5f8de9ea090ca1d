/** The list of serial ports: from what the kernel shows, without any program of the system. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linuxPorts } from "../../tools/serial/list.js";
import { systemPorts } from "../../tools/serial/system-ports.js";

describe("the list of serial ports", () => {
  let sys: string;
  beforeEach(() => {
    sys = mkdtempSync(join(tmpdir(), "motekey-sys-"));
    mkdirSync(join(sys, "class/tty"), { recursive: true });
  });
  afterEach(() => rmSync(sys, { recursive: true, force: true }));

  /** A port as sysfs has it: a link to a folder some levels below its USB device. */
  const port = (name: string, usb: Record<string, string> | null): void => {
    const device = join(sys, "devices/pci0/usb1", name, "1-1:1.0/tty");
    mkdirSync(device, { recursive: true });
    for (const [file, text] of Object.entries(usb ?? {}))
      writeFileSync(join(sys, "devices/pci0/usb1", name, file), `${text}\n`);
    mkdirSync(join(sys, "class/tty", name));
    symlinkSync(device, join(sys, "class/tty", name, "device"));
  };

  it("has USB devices with vendor, product and serial number, in the order of their numbers", async () => {
    port("ttyUSB10", { idVendor: "10c4", idProduct: "ea60" });
    port("ttyUSB9", null);
    port("ttyACM0", { idVendor: "303a", idProduct: "1001", serial: "7C:DF", product: "USB JTAG" });
    port("ttyS0", null);
    mkdirSync(join(sys, "class/tty/tty1"));
    assert.deepEqual(await linuxPorts(sys), [
      {
        path: "/dev/ttyACM0",
        usb: { vendorId: 0x303a, productId: 0x1001, serialNumber: "7C:DF", product: "USB JTAG" },
      },
      { path: "/dev/ttyUSB9", usb: null },
      {
        path: "/dev/ttyUSB10",
        usb: { vendorId: 0x10c4, productId: 0xea60, serialNumber: null, product: null },
      },
    ]);
  });

  it("is empty on a machine without sysfs", async () => {
    assert.deepEqual(await linuxPorts(join(sys, "absent")), []);
  });

  it("needs no udevadm: an empty PATH does not end the process", async () => {
    const { PATH } = process.env;
    process.env.PATH = sys;
    try {
      assert.ok(Array.isArray(await systemPorts("linux").list()));
    } finally {
      process.env.PATH = PATH;
    }
  });
});
