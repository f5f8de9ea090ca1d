/** Behind a device's id: the principal that asks for the device's counter, and may do nothing else. */
const RECOVERER_END = "-recover";

/** The device that a principal asks for; null: this id is no such principal's. */
export function recoveredBy(id: string): string | null {
  return id.endsWith(RECOVERER_END) ? id.slice(0, -RECOVERER_END.length) : null;
}
