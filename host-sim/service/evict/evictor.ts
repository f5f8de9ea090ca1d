/** Ends the connections that somebody has at a broker of the site's, and, where the broker knows them, their login there. */
export interface Evictor {
  /** Resolves when the broker has done it; rejects with what keeps it from that. Doing it again does no harm. */
  evict(id: string): Promise<void>;
}
