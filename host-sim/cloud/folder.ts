import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Cloud } from "./cloud.js";
import type { CloudOptions } from "./cloud-options.js";
import { CLI_CLIENT_ID, type IdentityOptions } from "./identity/index.js";
import { IDENTITY_OPTIONS } from "./identity/tables.js";
import { checkOptions, NAME, optionsOf, PORT, type Shape } from "./options.js";
import { startCloud } from "./start-cloud.js";
import { CLOUD_OPTIONS } from "./tables.js";

const FOLDER_MODE = 0o700;
/** The same at each start, as logins belong to the issuer's address and devices know the broker's. */
const DEFAULT_PORTS = { mqtt: 1883, http: 8180, identity: 8181 };

/** Options of `startCloudIn`. */
export interface CloudFolderOptions {
  /** Address that all of it listens on. Default 127.0.0.1: this is no production server. */
  host?: string;
  /** Defaults 1883, 8180 and 8181; 0: any free one. */
  ports?: Partial<Record<"mqtt" | "http" | "identity", number>>;
  /** Whom the identity knows to begin with, and anything else that it takes. */
  identity?: Omit<IdentityOptions, "host" | "port" | "folder">;
  /** Anything else that the cloud takes. */
  cloud?: Omit<CloudOptions, "host" | "port" | "httpPort" | "registryFile" | "identity">;
}

/** All but what the folder decides. */
function without<Options, Name extends keyof Options>(
  options: Options,
  names: readonly Name[],
): Omit<Options, Name> {
  const rest = { ...options };
  for (const name of names) delete rest[name];
  return rest;
}

const PORTS: Shape<NonNullable<CloudFolderOptions["ports"]>> = { mqtt: PORT, http: PORT, identity: PORT };

const FOLDER_OPTIONS: Shape<CloudFolderOptions> = {
  host: NAME,
  ports: optionsOf(PORTS),
  identity: optionsOf(without(IDENTITY_OPTIONS, ["host", "port", "folder"])),
  cloud: optionsOf(without(CLOUD_OPTIONS, ["host", "port", "httpPort", "registryFile", "identity"])),
};

/** A cloud with its identity, and what to print about them. */
export interface CloudInFolder {
  cloud: Cloud;
  /** Absolute. */
  folder: string;
  mqttUrl: string;
  httpUrl: string;
  issuer: string;
  /** The client id of the command line. */
  clientId: string;
  /** The first user, who may do everything; the password is given at the first start only, else null. */
  admin: { username: string; password: string | null };
}

/**
 * Starts a cloud with an identity that keep all they have in a folder (made where it is missing, for its owner
 * only): `devices.json`, `identity.json`, `logins.json`. They are locked: a second cloud learns who has them.
 */
export async function startCloudIn(folder: string, options: CloudFolderOptions = {}): Promise<CloudInFolder> {
  checkOptions("", options, FOLDER_OPTIONS);
  const kept = resolve(folder);
  await makeFolder(kept);
  const { host } = options;
  const ports = { ...DEFAULT_PORTS, ...options.ports };
  const cloud = await startCloud({
    ...options.cloud,
    ...(host !== undefined && { host }),
    port: ports.mqtt,
    httpPort: ports.http,
    registryFile: join(kept, "devices.json"),
    identity: { ...options.identity, folder: kept, port: ports.identity },
  });
  const { identity } = cloud;
  if (identity === null) throw new Error("The cloud started without its identity");
  return {
    cloud,
    folder: kept,
    mqttUrl: cloud.mqttUrl,
    httpUrl: cloud.httpUrl,
    issuer: identity.issuer,
    clientId: CLI_CLIENT_ID,
    admin: { username: "admin", password: identity.adminPassword },
  };
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  } catch (failure) {
    throw new Error(`Cannot make the folder ${folder}; choose another, or check its permissions`, {
      cause: failure,
    });
  }
}
