/** What a fleet and the process of its cloud tell each other: once each way, and then the cloud's troubles. */

/** Identity and key of a device. */
export interface Credential {
  readonly id: string;
  readonly psk: string;
}

/** What the process is told first. It comes over the channel, since arguments are everybody's to read. */
export interface FleetCloudOptions {
  /** So many devices are provisioned: `device_0`, `device_1` … */
  devices: number;
  /** `mqtt://user:password@host:port`: attach to this broker instead of embedding one. */
  broker?: string;
  /** As in `startCloud`. */
  requireFrameProof?: boolean;
}

/** What it answers. */
export type FleetCloudAnswer = { url: string; credentials: Credential[] } | { failure: string };

/** What it tells later: its broker is lost, or (null) there again. */
export interface FleetCloudNews {
  trouble: string | null;
}
