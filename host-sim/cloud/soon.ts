/** A value that is there, or comes later: state in memory is there, a database's comes. */
export type Soon<Value> = Value | Promise<Value>;

/** Goes on with a value: at once where it is there, so that what needs no waiting keeps its order. */
export function after<Value, Next>(value: Soon<Value>, next: (value: Value) => Soon<Next>): Soon<Next> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Work of one key is done in the order in which it came; what needs no waiting is done at once. */
export class Lanes {
  private readonly ends = new Map<string, Promise<void>>();

  /** Resolves when no work is under way. */
  async idle(): Promise<void> {
    while (this.ends.size > 0) await Promise.all(this.ends.values());
  }

  /** Does a piece of work when all of this key before it has ended, well or not. */
  run(key: string, work: () => Soon<void>): Soon<void> {
    const before = this.ends.get(key);
    const doing = before === undefined ? work() : before.then(work);
    if (!(doing instanceof Promise)) return;
    const end: Promise<void> = doing
      .catch(() => {})
      .then(() => {
        if (this.ends.get(key) === end) this.ends.delete(key);
      });
    this.ends.set(key, end);
    return doing;
  }
}
