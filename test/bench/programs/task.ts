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

/** Says that it is ready, and takes a sample whenever the parent asks for one. */
export function sampling(take: () => number | Promise<number>): void {
  process.on("message", () => void Promise.resolve(take()).then(answer));
  answer("ready");
}
