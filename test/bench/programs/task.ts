import { once } from "node:events";

/** The task that this program's parent sends. */
export async function task<Task>(): Promise<Task> {
  const [message] = (await once(process, "message")) as [Task];
  return message;
}

/** Tells the parent, and goes on. */
export function answer(message: unknown): void {
  process.send?.(message);
}
