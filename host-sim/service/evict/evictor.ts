/** Ends somebody's connections at the site's broker, and, where the broker has logins, their login. */
export interface Evictor {
  /** Resolves when the broker has done it, or rejects with the reason. Repeating it does no harm. */
  evict(id: string): Promise<void>;
}
