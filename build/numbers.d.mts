import type { Plugin } from "esbuild";

export function withNumbers(source: string): string;
export const numbers: Plugin;
