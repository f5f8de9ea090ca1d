export { CloudGatekeeper, type OwnLogin } from "./cloud-gatekeeper.js";
export { HOOK_PATH, Hook } from "./hook.js";
