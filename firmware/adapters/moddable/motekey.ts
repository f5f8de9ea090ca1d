/** The module `motekey` of an app: the firmware and its ports under one name, by the names of the manifest. */
export { moddablePorts } from "motekey/adapters/moddable/index";
export { ModdableLink } from "motekey/adapters/moddable/link";
export * from "motekey/index";
