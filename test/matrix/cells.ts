import { type PolicyError, Status } from "../../firmware/index.js";
import type { KeyPair } from "../../host-sim/cloud/certificates.js";
import {
  type CloudEvent,
  type CloudOptions,
  startCloud,
  type TokenCheck,
} from "../../host-sim/cloud/index.js";
import type { Soon } from "../../host-sim/cloud/soon.js";
import {
  DeviceError,
  type DeviceTls,
  type SimulatedDevice,
  type StatusName,
  simulateDevice,
} from "../../host-sim/device.js";
import type { CloudUrls, TransportName } from "../../host-sim/transports.js";

const HOST = "app.example.com";

/** How frames travel, by the names in the table. */
export const ROADS = {
  "MQTT 3.1.1": "mqtt",
  "MQTT 5": "mqtt5",
  "MQTT over WS": "mqtt+ws",
  "RPC over WS": "rpc+ws",
} as const satisfies Record<string, TransportName>;

/** The road of Espruino's own core, and the links that it has. */
export const LEAN_ROAD = "Espruino's core";
export const LEAN_LINKS = ["plain", "TLS", "mTLS"] as const satisfies readonly LinkName[];

/** What lies below them, by the names in the table: how the cloud's ports are served. */
export const LINKS = {
  plain: {},
  TLS: { tls: true },
  mTLS: { tls: { clientCertificates: "required" } },
  "TLS-PSK": { tls: { psk: true } },
} as const satisfies Record<string, CloudOptions>;

/** What a cell asks of the cloud that it runs against: the mock, or the service. */
export interface MatrixCloud extends CloudUrls {
  readonly ca?: string | undefined;
  addDevice(device: { id: string }): Promise<{ id: string; psk: string }>;
  issueCertificate(id: string): Promise<KeyPair>;
  on(listener: (event: CloudEvent) => void): () => void;
  checkToken(token: string, host: string): Soon<TokenCheck>;
  close(): Promise<void>;
}

/** Starts the cloud whose ports are served over this link. */
export type StartMatrixCloud = (link: LinkName, requireFrameProof: boolean) => Promise<MatrixCloud>;

/** The mock. */
export const startMock: StartMatrixCloud = (link, requireFrameProof) =>
  startCloud({ ...LINKS[link], requireFrameProof });

/** The modes of proof, each by itself. */
export const MODES = ["link", "password", "key", "digest", "counter", "mac", "auth5"] as const;

/** One of {@link ROADS}. */
export type RoadName = keyof typeof ROADS | typeof LEAN_ROAD;
/** One of {@link LINKS}. */
export type LinkName = keyof typeof LINKS;
/** Modes together, as devices have them where one proves the connection and the other each frame. */
export const PAIRS = [
  "counter+mac",
  "password+mac",
  "password+key",
  "password+digest",
  "link+mac",
  "auth5+mac",
] as const;

/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number];
/** One of {@link MODES} or {@link PAIRS}. */
export type AnyMode = Mode | (typeof PAIRS)[number];

/** What came of one road, one link and one proof. */
export interface Cell<Proof extends AnyMode = Mode> {
  readonly transport: RoadName;
  readonly link: LinkName;
  readonly proof: Proof;
  /** `passes`: a token that the cloud takes, sealed where frames have a MAC and only there; `refused`: by the device's own policy, before it connects. */
  readonly outcome: "passes" | "refused" | "fails";
  readonly status: StatusName;
}

/** Those that prove each frame: a cloud asks for them where it leans on no connection's proof. */
const FRAME_MODES: readonly AnyMode[] = ["key", "digest", "mac", ...PAIRS];

/** Which cells, and at which cloud. */
export interface MatrixChoice<Proof extends AnyMode> {
  start: StartMatrixCloud;
  links: readonly LinkName[];
  modes: readonly Proof[];
}

/** Every cell at the mock cloud. */
const AT_THE_MOCK: MatrixChoice<Mode> = {
  start: startMock,
  links: Object.keys(LINKS) as LinkName[],
  modes: MODES,
};

/** Runs every cell of the mock's table, one after the other. */
export function runMatrix(): Promise<Cell[]> {
  return runCells(AT_THE_MOCK);
}

/** Runs these cells, one after the other. */
export async function runCells<Proof extends AnyMode>({
  start,
  links,
  modes: all,
}: MatrixChoice<Proof>): Promise<Cell<Proof>[]> {
  const cells: Cell<Proof>[] = [];
  for (const link of links) {
    for (const requireFrameProof of [false, true]) {
      const modes = all.filter((mode) => FRAME_MODES.includes(mode) === requireFrameProof);
      if (modes.length === 0) continue;
      const cloud = await start(link, requireFrameProof);
      try {
        for (const [transport, name] of Object.entries(ROADS) as [RoadName, TransportName][]) {
          for (const proof of modes)
            cells.push({ transport, link, proof, ...(await runCell(cloud, name, link, proof)) });
        }
        if (!LEAN_LINKS.some((name) => name === link)) continue;
        for (const proof of modes)
          cells.push({
            transport: LEAN_ROAD,
            link,
            proof,
            ...(await runCell(cloud, "mqtt", link, proof, "espruino")),
          });
      } finally {
        await cloud.close();
      }
    }
  }
  return cells;
}

/** A new device of this cloud asks for a token. @param link that the cloud is served over */
export async function runCell(
  cloud: MatrixCloud,
  transport: TransportName,
  link: LinkName,
  proof: AnyMode,
  core: "xs" | "espruino" = "xs",
): Promise<Pick<Cell, "outcome" | "status">> {
  const credential = await cloud.addDevice({
    id: `${core}-${transport}-${link}-${proof}`.replace(/[^\w-]/g, "-"),
  });
  const tls = await deviceTls(cloud, link, credential.id);
  const options = { core, cloud, ...credential, transport, proof, ...(tls === null ? {} : { tls }) };
  const seen: string[] = [];
  let device: SimulatedDevice;
  try {
    device = simulateDevice(options);
  } catch (error) {
    const { status } = error as PolicyError;
    if (status === undefined) throw error;
    return { outcome: "refused", status: Status[status] as StatusName };
  }
  const stop = cloud.on((event) => {
    if ("proof" in event && event.id === credential.id) seen.push(event.proof);
  });
  let isFirst = true;
  const failed = (): void => {
    isFirst = false;
  };
  device.next("WAITING").then(failed, () => {}); // rejected by close()
  try {
    const { token } = await device.host(HOST).getToken();
    const check = await cloud.checkToken(token, HOST);
    const isOurs = check.active && check.sub === credential.id;
    // A token alone could have come by another proof, or after MQTT 5 had fallen back to 3.1.1.
    const isAsTold = isFirst && proof.split("+").every((part) => seen.includes(provedBy(part, link)));
    const { sealed } = device.explain();
    const isHidden = sealed === proof.split("+").includes("mac");
    return { outcome: isOurs && isAsTold && isHidden ? "passes" : "fails", status: "OK" };
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return { outcome: "fails", status: error.status };
  } finally {
    stop();
    device.close();
  }
}

async function deviceTls(cloud: MatrixCloud, link: LinkName, id: string): Promise<DeviceTls | null> {
  if (link === "plain") return null;
  if (link === "TLS-PSK") return { psk: true };
  return link === "mTLS" ? cloud.issueCertificate(id) : {};
}

/** What the cloud calls it. */
function provedBy(proof: string, link: LinkName): string {
  if (proof !== "link") return proof;
  return link === "TLS-PSK" ? "psk" : "certificate";
}
