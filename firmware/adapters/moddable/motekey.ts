/** The module `motekey` of an app on Moddable: the firmware and its ports under one name. */
export * from "motekey/index";
export { moddablePorts } from "./index.js";
