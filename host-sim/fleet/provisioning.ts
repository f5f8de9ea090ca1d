/** What a fleet and its cloud's process send each other: once each way, and then the cloud's troubles. */

import { FLAG, NAME, needed, type Shape, whole } from "../cloud/options.js";

/** Identity and key of a device. */
export interface Credential {
  readonly id: string;
  readonly psk: string;
}

/** What the process gets first. It comes over the channel, since arguments are everybody's to read. */
export interface FleetCloudOptions {
  /** So many devices are provisioned: `device_0`, `device_1` … */
  devices: number;
  /** `mqtt://user:password@host:port`: attach to this broker instead of embedding one. */
  broker?: string;
  /** As in `startCloud`. */
  requireFrameProof?: boolean;
}

/** The names and values of those. */
export const FLEET_CLOUD_OPTIONS: Shape<FleetCloudOptions> = {
  devices: needed(whole(0)),
  broker: NAME,
  requireFrameProof: FLAG,
};

/** What it answers. */
export type FleetCloudAnswer = { url: string; credentials: Credential[] } | { failure: string };

/** What it sends later: its broker is lost, or (null) there again. */
export interface FleetCloudNews {
  trouble: string | null;
}
