import { ValueEvent } from "../../firmware/wire/value.js";

/** Builds a value from events, so that it can be held against what another reader made. */
export class Builder {
  root: unknown;
  private readonly open: { container: Record<string, unknown> | unknown[]; name: string }[] = [];

  name(name: string): void {
    const parent = this.open[this.open.length - 1];
    if (parent !== undefined) parent.name = name;
  }

  add(value: unknown): void {
    const parent = this.open[this.open.length - 1];
    if (parent === undefined) this.root = value;
    else if (Array.isArray(parent.container)) parent.container.push(value);
    // As JSON.parse does it: `__proto__` is a member like any other.
    else
      Object.defineProperty(parent.container, parent.name, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }

  /** An event that says all by itself: a container's start or end, a literal. */
  take(event: ValueEvent): void {
    if (event === ValueEvent.OBJECT) this.start({});
    else if (event === ValueEvent.ARRAY) this.start([]);
    else if (event === ValueEvent.OBJECT_END || event === ValueEvent.ARRAY_END) this.open.pop();
    else if (event === ValueEvent.TRUE || event === ValueEvent.FALSE) this.add(event === ValueEvent.TRUE);
    else if (event === ValueEvent.NULL) this.add(null);
  }

  private start(container: Record<string, unknown> | unknown[]): void {
    this.add(container);
    this.open.push({ container, name: "" });
  }
}
