import { type Limits, limitsFrom } from "../../firmware/index.js";

/** What one member of a fleet needs: one host, one token, one caller. All members share this object. */
export const FLEET_LIMITS: Limits = limitsFrom({
  tokenBytes: 512,
  slots: 1,
  hosts: 1,
  hostBytes: 32,
  waiters: 1,
  calls: 1,
  sendBytes: 512,
  idBytes: 32,
});
