/** The mock cloud with devices in it, until it is stopped. */
import { type Cloud, startCloud } from "../../../host-sim/cloud/index.js";
import type { Credential } from "../../../host-sim/fleet/provisioning.js";
import { answer, task } from "./task.js";

/** What it starts with. */
export interface CloudTask {
  readonly devices: number;
  /** null: nothing is kept. */
  readonly registryFile: string | null;
}

/** Where it is, and who may connect. */
export interface CloudAnswer {
  readonly url: string;
  readonly credentials: readonly Credential[];
}

const { devices, registryFile } = await task<CloudTask>();
const cloud: Cloud = await startCloud(registryFile === null ? {} : { registryFile });
const ids = Array.from({ length: devices }, (_, index) => `device_${index}`);
const credentials = await Promise.all(ids.map((id) => cloud.addDevice({ id })));
answer({ url: cloud.mqttUrl, credentials } satisfies CloudAnswer);
