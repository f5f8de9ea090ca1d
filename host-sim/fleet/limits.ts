import type { LimitOptions } from "../../firmware/index.js";

/** What one member of a fleet needs: one host, one token, one caller. */
export const FLEET_LIMITS: LimitOptions = {
  tokenBytes: 512,
  slots: 1,
  hosts: 1,
  hostBytes: 32,
  waiters: 1,
  calls: 1,
  sendBytes: 512,
  idBytes: 32,
};
