import { rm } from "node:fs/promises";
import { type Cloud, startCloud } from "../../host-sim/cloud/index.js";
import { type Service, startService } from "../../host-sim/service/index.js";
import { FREE, newFolder } from "../service/places.js";

/** Says that suites of the firmware over sockets run against the service: `npm run test:deep -- service-firmware`. */
export const AT_THE_SERVICE = "MOTEKEY_TEST_CLOUD";

/** The cloud that a suite runs against, as both have it. */
export type CloudUnderTest = Cloud | Service;

/** Starts the mock; where the environment says so, the service on a database of its own. */
export async function startUnderTest(): Promise<CloudUnderTest> {
  if (process.env[AT_THE_SERVICE] !== "service") return startCloud();
  const folder = newFolder();
  const service = await startService({ database: { folder }, ...FREE });
  const close = service.close.bind(service);
  service.close = async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  };
  return service;
}
