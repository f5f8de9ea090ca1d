/** The local server, which is asked with the token of the page's address. */
import { Failure, type FailureCode } from "../../../cli/failure.js";

/** What the server knows. */
export interface State {
  readonly cloud: string;
  /** Who is logged in; null: nobody. */
  readonly operator: string | null;
}

/** A device that is registered, with its key. */
export interface Registered {
  readonly id: string;
  readonly psk: string;
  readonly counter: number;
  readonly key_fingerprint: string;
  readonly created: boolean;
}

const TOKEN = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";

async function ask<T>(name: string, body: object = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Failure(
      "failed",
      "'motekey device serve' does not answer any more.",
      "Start it again, and open the address that it prints.",
    );
  }
  const answer = await response.json();
  if (response.ok) return answer as T;
  const { code, message, next } = answer.error as { code: FailureCode; message: string; next: string };
  throw new Failure(code, message, next);
}

export const api = {
  state: (): Promise<State> => ask("state"),
  /** Where the provider asks the person. */
  login: (): Promise<{ url: string }> => ask("login"),
  /** Waits until the login that was begun has ended. */
  loggedIn: (): Promise<State> => ask("logged-in"),
  register: (id: string): Promise<Registered> => ask("register", { id }),
};
