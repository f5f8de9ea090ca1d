/** A device, as the firmware itself sees its cloud. */
import { Status } from "../../firmware/index.js";
import { DeviceError, type SimulatedDevice, simulateDevice } from "../../host-sim/device.js";
import { type Endpoint, endpointOf, TRANSPORTS, type TransportName } from "../../host-sim/transports.js";
import type { Context } from "../cli/act.js";
import { printable, usage } from "../cli/failure.js";
import { type Finding, fine } from "./finding.js";
import { examinePlace } from "./place.js";
import { fileText, HELP } from "./text.js";
import { capital, evidenceOf, ofStatus } from "./told.js";

/** A person waits. */
const LIMIT_MS = 10_000;
const LIMITS = { connectTimeoutMs: 8_000, callAttemptMs: 3_000, callDeadlineMs: 8_000 };

/** The flags that describe devices and their cloud. */
export interface DeviceFlags {
  readonly cloud?: string;
  readonly ca?: string;
  readonly transport: TransportName;
  readonly device?: string;
  readonly pskFile?: string;
  readonly counter?: number;
}

/** The cloud's port; with a device, all that the firmware does until the cloud has answered it. */
export async function examineDevice(context: Context, flags: DeviceFlags): Promise<Finding[]> {
  const { cloud, device: id, ca: caFile } = flags;
  if (cloud === undefined) {
    if (id !== undefined) throw usage("--device needs its cloud.", "Give --cloud mqtt://HOST:PORT.");
    return [];
  }
  const { host, port, isSecure } = endpointTold(cloud, flags.transport);
  const ca = caFile === undefined ? undefined : await fileText(context.system, "--ca", caFile);
  if (id === undefined) return [await examinePlace("cloud", { host, port, isSecure, ca })];
  const psk = await pskOf(context, flags.pskFile);
  if (!isSecure && flags.counter === undefined) {
    throw usage(
      "Without TLS a device proves itself by a counter.",
      "Give --counter N, above its last; the device must go on above N.",
    );
  }
  const counter = flags.counter === undefined ? {} : { counter: flags.counter };
  const tls = ca === undefined ? {} : { tls: { ca } };
  const options = { cloud, id, psk, transport: flags.transport, limits: LIMITS, ...counter, ...tls };
  const wallTimeS = Math.floor(context.system.now() / 1000);
  return [
    await examined(
      madeOf(() => simulateDevice(options)),
      wallTimeS,
    ),
  ];
}

async function examined(device: SimulatedDevice, wallTimeS: number): Promise<Finding> {
  try {
    await Promise.race([device.ready(LIMIT_MS), device.next("WAITING", LIMIT_MS)]).catch(() => undefined);
    // Asks for nothing new: the cloud has no token more than before.
    const answer = device.state === "READY" ? await statusOf(device.listTokens()) : Status.TIMEOUT;
    const told = device.explain(wallTimeS);
    const evidence = { device: device.id, ...evidenceOf(told) };
    const status = told.status === Status.OK ? answer : told.status;
    if (status !== Status.OK) return ofStatus("device", status, evidence);
    return fine("device", `The cloud at ${told.cloud} answers ${device.id}.`, evidence);
  } finally {
    device.close();
  }
}

async function statusOf(call: Promise<unknown>): Promise<Status> {
  try {
    await call;
    return Status.OK;
  } catch (failure) {
    if (failure instanceof DeviceError) return Status[failure.status];
    throw failure;
  }
}

function endpointTold(cloud: string, transport: string): Endpoint {
  if (TRANSPORTS.includes(transport as TransportName)) {
    return madeOf(() => endpointOf(cloud, transport as TransportName));
  }
  throw usage(
    `There is no transport '${printable(transport, 40)}'.`,
    `Choose from ${TRANSPORTS.join(", ")}.`,
  );
}

/** What the firmware's options cannot be is a mistake in the flags. */
function madeOf<T>(make: () => T): T {
  try {
    return make();
  } catch (failure) {
    throw usage(`${capital(printable((failure as Error).message.replace(/^motekey: /, "")))}.`, HELP);
  }
}

async function pskOf(context: Context, path: string | undefined): Promise<string> {
  if (path === undefined) throw usage("--device needs its key.", "Give --psk-file FILE.");
  const psk = (await fileText(context.system, "--psk-file", path)).trim();
  context.system.secrets.keep(psk);
  if (psk === "") throw usage(`${path} is empty.`, "--psk-file holds the device's PSK.");
  return psk;
}
