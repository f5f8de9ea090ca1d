/** The bench's page: signs in, flashes a device's credential, gives it its Wi-Fi network, prints its label. */
import { Failure } from "../../../cli/failure.js";
import { ROM_BAUD } from "../../../esp/chip.js";
import { IMPROV_BAUD, Improv } from "../../../improv/client.js";
import { hex } from "../../../nvs/writer.js";
import { connectChip } from "../../flash/connect.js";
import { findNvs } from "../../flash/place.js";
import { type Keep, putCredential, tried } from "../../flash/put.js";
import { linesIn } from "../../setting-line.js";
import { api, type Registered, type State } from "./api.js";
import { addLabel, note, progress, rows, show, tell, the } from "./view.js";
import { type BrowserSerial, WebPorts } from "./web-ports.js";

const { serial } = navigator as Navigator & { serial?: BrowserSerial };

/** Nothing interrupts a transfer but the port. */
const NEVER = new AbortController().signal;
const CHOOSE_AGAIN = "Choose the device's port in the browser's list.";

/** What partitions held while they are written over, for as long as the page is open: it leaves the page for no file. */
const held = new Map<string, Buffer>();
const keepOf = (name: string): Keep => ({
  left: (size) => {
    const bytes = held.get(name);
    return Promise.resolve(bytes?.length === size ? bytes : null);
  },
  keep: (bytes) => {
    held.set(name, Buffer.from(bytes));
    return Promise.resolve();
  },
  remove: () => {
    held.get(name)?.fill(0);
    held.delete(name);
    return Promise.resolve();
  },
});

let ports: WebPorts | null = null;
let isBusy = false;

/** One thing at a time; what fails is shown. */
async function busy(work: () => Promise<void>): Promise<void> {
  if (isBusy) return;
  isBusy = true;
  tell(null);
  const buttons = [...document.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } catch (failure) {
    note("");
    tell(failure);
  } finally {
    isBusy = false;
    progress(null);
    for (const button of buttons) button.disabled = false;
  }
}

/** The person chooses the port; the browser lets the page see no other. */
async function choosePort(): Promise<WebPorts> {
  if (serial === undefined)
    throw new Failure(
      "port_unavailable",
      "This browser has no Web Serial.",
      "Use Chrome or Edge on a desktop.",
    );
  try {
    return new WebPorts(serial, await serial.requestPort());
  } catch {
    throw new Failure("port_unavailable", "No port was chosen.", CHOOSE_AGAIN);
  }
}

const settingLines = (): string[] =>
  the<HTMLTextAreaElement>("settings")
    .value.split(/\r?\n/)
    .filter((line) => line.trim() !== "");

/** Registers the device, and puts its credential into the board at the port. */
async function flash(): Promise<void> {
  show("done-card", false);
  const settings = settingLines();
  const id = the<HTMLInputElement>("id").value.trim();
  // What no device could take is refused before one is touched, and before the cloud has it.
  tried({ identity: { id: "device", psk: "x", counter: 0 }, setIn: linesIn(settings), keys: null });
  ports = await choosePort();
  note("Registering …");
  const device = await api.register(id);
  the<HTMLInputElement>("id").value = device.id;
  await write(ports, device, settings);
}

async function write(at: WebPorts, device: Registered, settings: readonly string[]): Promise<void> {
  const machine = { ports: at, interrupted: NEVER };
  const wanted = the<HTMLSelectElement>("chip").value;
  const how = { baudRate: ROM_BAUD, wanted: wanted === "" ? undefined : wanted };
  const { chip, name, mac } = await connectChip(machine, { note }, at.info, how);
  try {
    const place = await findNvs(chip, { tableAt: null, label: null });
    if (place.keys !== null)
      throw new Failure(
        "device_unfit",
        "The board's NVS partition is encrypted.",
        "Flash it from a terminal, with 'device flash'.",
      );
    const identity = { id: device.id, psk: device.psk, counter: device.counter };
    const { label, size, offset } = place.partition;
    const put = await putCredential(
      chip,
      place,
      { identity, setIn: linesIn(settings), keys: null },
      {
        backup: keepOf(`${mac} ${label}`),
        keptAs: "this page",
        replaces: false,
        isDryRun: false,
        note,
        progress: (done, total) => progress(done / total),
      },
    );
    const state = put.isWritten ? "written, read back, the same" : "is so already";
    rows("done", [
      ["Device", device.id],
      ["Chip", `${name}, ${mac}`],
      ["Image", `${label}, ${hex(size)} bytes at ${hex(offset)}: ${state}`],
      ["Key", `fingerprint ${device.key_fingerprint}`],
      ["Counter", `begins above ${put.counter}`],
      ...(put.isReplaced ? [["Before", "another credential, which is gone"] as const] : []),
    ]);
    note("Done: the device restarts.");
    show("done-card", true);
    addLabel(device.id, device.key_fingerprint);
  } finally {
    await chip.close();
  }
}

/** Gives the device that was flashed last, or a device that is chosen now, its network. */
async function wifi(): Promise<void> {
  ports ??= await choosePort();
  const [ssid, password] = [the<HTMLInputElement>("ssid"), the<HTMLInputElement>("password")];
  const line = await ports.open(ports.info, IMPROV_BAUD);
  try {
    const device = new Improv(line, NEVER);
    note("Waiting for the device's app …");
    await device.connect();
    note(`Joining '${ssid.value}' …`);
    const url = await device.join(ssid.value, password.value);
    password.value = "";
    note(`The device has joined '${ssid.value}'${url === null ? "" : `: ${url}`}.`);
  } finally {
    await line.close();
  }
}

function showState({ cloud, operator }: State): void {
  the("cloud").textContent = cloud;
  the("operator").textContent = operator ?? "";
  show("login-card", operator === null);
  show("work", operator !== null);
}

/** The provider's page opens beside this one; where the browser holds it back, its address stands here. */
async function signIn(): Promise<void> {
  const { url } = await api.login();
  const link = the<HTMLAnchorElement>("login-link");
  link.href = url;
  show("login-link", true);
  window.open(url, "_blank", "noopener");
  note("Waiting for the sign-in in the other tab …");
  showState(await api.loggedIn());
  show("login-link", false);
  note("");
}

const on = (id: string, event: string, work: () => Promise<void>): void =>
  the(id).addEventListener(event, (happened) => {
    happened.preventDefault();
    void busy(work);
  });

on("login", "click", signIn);
on("flash-form", "submit", flash);
on("wifi-form", "submit", wifi);
the("next").addEventListener("click", () => {
  the<HTMLInputElement>("id").value = "";
  show("done-card", false);
  ports = null;
  note("");
  the("id").focus();
});
the("print").addEventListener("click", () => window.print());
window.addEventListener("beforeunload", (event) => {
  if (isBusy || held.size > 0) event.preventDefault();
});
void busy(async () => showState(await api.state()));
