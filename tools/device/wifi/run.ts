import type { Context } from "../../cli/act.js";
import { printable, usage } from "../../cli/failure.js";
import { askLine, askSecret, hasTerminal, needsTerminal } from "../../cli/prompt.js";
import { tableOf } from "../../cli/table.js";
import { waitFor } from "../../cli/wait.js";
import { type DeviceInfo, IMPROV_BAUD, Improv, type Network } from "../../improv/client.js";
import { portText } from "../../serial/again.js";
import type { PortInfo } from "../../serial/ports.js";
import { secretLine } from "../files.js";
import { choosePort } from "../port.js";
import { numberOf } from "../settings.js";

/** The flags of `motekey device wifi`. */
export interface WifiFlags {
  readonly port?: string;
  readonly ssid?: string;
  readonly passwordFile?: string;
  readonly password?: string;
  readonly open?: boolean;
  readonly scan?: boolean;
  readonly baud?: string;
}

/** IEEE 802.11, and IEEE 802.11i for a pass-phrase; 64 are the key itself in hex. */
const SSID_BYTES_MAX = 32;
const PASSWORD_BYTES_MIN = 8;
const PASSWORD_BYTES_MAX = 64;
const CLOSE_MS_MAX = 2_000;

/** Gives the device at a port its network. */
export async function wifi(context: Context, flags: WifiFlags): Promise<void> {
  const { system, output } = context;
  refuseMixed(flags);
  const baudRate = numberOf("--baud", flags.baud ?? `${IMPROV_BAUD}`);
  // What can be refused without a device is refused before one is touched.
  if (flags.ssid !== undefined) checkSsid(flags.ssid);
  else if (flags.scan !== true && !hasTerminal(system))
    throw needsTerminal("The network would be asked for", "Give --ssid NAME, or --scan to list them.");
  let password = await givenPassword(context, flags);
  const port = await choosePort(system, output, flags.port);
  const line = await system.ports.open(port, baudRate);
  try {
    const device = new Improv(line, system.interrupted);
    output.note(`Waiting for the app at ${portText(port)} …`);
    const isJoined = await device.connect();
    const info = await device.info();
    output.note(`${told(info)}${isJoined ? ", which is in a network" : ""}`);
    if (flags.scan === true) {
      const networks = await device.scan();
      return tell(context, port, info, { ssid: null, joined: isJoined, url: null, networks });
    }
    const network = flags.ssid === undefined ? await askNetwork(context, device) : null;
    const ssid = flags.ssid ?? network?.ssid ?? "";
    password ??= network?.isOpen === true ? "" : await askPassword(context, ssid);
    output.note(`Joining '${printable(ssid, 40)}' …`);
    const url = await device.join(ssid, password);
    tell(context, port, info, { ssid, joined: true, url, networks: null });
  } finally {
    const late = new Error("the port does not close");
    await waitFor(CLOSE_MS_MAX, late, () => line.close()).catch(() => undefined);
  }
}

function refuseMixed(flags: WifiFlags): void {
  if (flags.password !== undefined)
    throw usage(
      "A password on the command line can be read by everybody on this machine.",
      "Give --password-file FILE, or - for standard input.",
    );
  if (flags.open === true && flags.passwordFile !== undefined)
    throw usage("A network is open, or has a password.", "Leave out --open or --password-file.");
  if (flags.scan === true && (flags.ssid ?? flags.passwordFile ?? flags.open) !== undefined)
    throw usage("--scan lists the networks, and joins none.", "Leave out --scan, or the others.");
}

/** The password that the flags name; null: it is to be asked. */
async function givenPassword({ system }: Context, flags: WifiFlags): Promise<string | null> {
  if (flags.scan === true || flags.open === true) return "";
  if (flags.passwordFile !== undefined)
    return checked(await secretLine(system, "--password-file", flags.passwordFile));
  if (!hasTerminal(system))
    throw needsTerminal("The password would be asked for", "Give --password-file FILE, or --open.");
  return null;
}

async function askPassword({ system }: Context, ssid: string): Promise<string> {
  const password = await askSecret(system, `Password of '${printable(ssid, 40)}' (none: empty): `);
  return password === "" ? "" : checked(password);
}

function checkSsid(ssid: string): void {
  const { length } = new TextEncoder().encode(ssid);
  if (length > SSID_BYTES_MAX)
    throw usage(`The name of a network has at most ${SSID_BYTES_MAX} bytes, not ${length}.`, "Check --ssid.");
}

function checked(password: string): string {
  const { length } = new TextEncoder().encode(password);
  if (length >= PASSWORD_BYTES_MIN && length <= PASSWORD_BYTES_MAX) return password;
  throw usage(
    `A Wi-Fi password has ${PASSWORD_BYTES_MIN} to ${PASSWORD_BYTES_MAX} bytes, not ${length}.`,
    "Check it; for a network without one give --open.",
  );
}

/** Lists what the device sees, and asks which it is to join; a hidden one by its name. */
async function askNetwork({ system, output }: Context, device: Improv): Promise<Network> {
  const networks = await device.scan();
  output.request(
    networks.map(({ ssid }, index) => `${`${index + 1}`.padStart(3)}  ${printable(ssid, 40)}`).join("\n"),
  );
  const answer = (await askLine(system, "Which network? Its number or its name: ")).trim();
  const chosen = /^\d{1,3}$/.test(answer) ? networks[Number(answer) - 1] : undefined;
  const named = chosen ?? networks.find(({ ssid }) => ssid === answer);
  if (named !== undefined) return named;
  if (answer === "") throw usage("No network was named.", "Give --ssid NAME.");
  checkSsid(answer);
  return { ssid: answer, rssi: null, isOpen: false };
}

const told = ({ name, firmware, version, chip }: DeviceInfo): string =>
  `${name} (${[firmware, version, chip].filter((text) => text !== "").join(", ")})`;

function tell(
  { output }: Context,
  { path }: PortInfo,
  info: DeviceInfo,
  state: {
    readonly ssid: string | null;
    readonly joined: boolean;
    readonly url: string | null;
    readonly networks: readonly Network[] | null;
  },
): void {
  const { name, firmware, version, chip } = info;
  const { ssid, joined, url } = state;
  const networks =
    state.networks?.map(({ ssid, rssi, isOpen }) => ({ ssid: printable(ssid, 80), rssi, open: isOpen })) ??
    null;
  const answer = { port: path, name, firmware, version, chip, ssid, joined, url, networks };
  if (networks !== null) {
    const rows = networks.map(({ ssid, rssi, open }) => [
      ssid,
      rssi === null ? "" : `${rssi} dBm`,
      open ? "open" : "",
    ]);
    const text = tableOf(["NETWORK", "SIGNAL", ""], rows, output.columns);
    output.answer(answer, networks.length === 0 ? "No network is in reach." : text);
    return;
  }
  const rows = [
    ["Device", told(info)],
    ["Network", `${printable(ssid ?? "", 80)}: joined`],
    ...(url === null ? [] : [["Address", url]]),
  ];
  output.answer(answer, rows.map(([title = "", value]) => `${title.padEnd(9)}${value}`).join("\n"));
}
