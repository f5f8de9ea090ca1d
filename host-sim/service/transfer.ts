import type { Entity } from "../cloud/types.js";
import type { ServiceOptions } from "./service-options.js";
import { State } from "./state.js";

/** The version of the transfer file, which is the mock cloud's. */
const FILE_VERSION = 1;

/** All entities of the service with their keys and counters, as the mock cloud's file holds them. */
export async function exportEntities(
  options: ServiceOptions,
): Promise<{ version: number; entities: Entity[] }> {
  const state = await State.open(options, "");
  try {
    const entities: Entity[] = [];
    for await (const entity of state.accounts.all()) entities.push(entity);
    return { version: FILE_VERSION, entities };
  } finally {
    await state.close();
  }
}

/** Takes entities over, with their counters: what another service accepted is not accepted here again. */
export async function importEntities(options: ServiceOptions, entities: readonly Entity[]): Promise<void> {
  const state = await State.open(options, "");
  try {
    await state.accounts.takeOver(entities);
  } finally {
    await state.close();
  }
}
