import type { Entropy } from "../../ports.js";

/**
 * The engine's own random numbers. On ESP32 and ESP8266 each is one draw from the chip's generator
 * (`esp_random`), and nothing is allocated; the SDK's `rng` takes 16 bytes from there once and stretches them. On
 * other targets it is C's `rand`, which repeats at each start: hand in a better one there.
 */
export const moddableEntropy: Entropy = {
  fill(bytes: Uint8Array, from: number, to: number): void {
    for (let i = from; i < to; i++) bytes[i] = Math.floor(Math.random() * 256);
  },
};
