/** Serial ports of a machine: which there are, and lines to them. Tests hand in their own. */

/** A port that could be opened. */
export interface PortInfo {
  readonly path: string;
  /** What a USB device says of itself; null: it is none, or that is not known. */
  readonly usb: UsbInfo | null;
}

/** A USB device. The serial number stays when the device comes back under another path. */
export interface UsbInfo {
  readonly vendorId: number;
  readonly productId: number;
  readonly serialNumber: string | null;
  readonly product: string | null;
}

/** The lines out of a port that a program sets. On most boards RTS holds the chip in reset, and DTR its boot pin. */
export interface Signals {
  readonly dtr?: boolean;
  readonly rts?: boolean;
}

/** An open port. Each call may take for ever: whoever calls has a deadline of its own. */
export interface SerialLine {
  readonly info: PortInfo;
  /** Hears what comes in, until the next listener. */
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Resolves when the port is gone or was closed; never rejects. */
  readonly ended: Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  setBaudRate(baudRate: number): Promise<void>;
  setSignals(signals: Signals): Promise<void>;
  close(): Promise<void>;
}

/** The machine's ports. */
export interface SerialPorts {
  /** The ports that a device may be at, in the order of their paths. */
  list(): Promise<PortInfo[]>;
  /** @throws Failure where it cannot be opened */
  open(info: PortInfo, baudRate: number): Promise<SerialLine>;
}
