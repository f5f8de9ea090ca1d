const LIMIT_MS = 5_000;
const BYTES_MAX = 65_536;

/** Reads JSON that an issuer publishes. Rejects with an error that says why it cannot be had, in half a sentence. */
export async function readJson(url: URL): Promise<unknown> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), LIMIT_MS);
  try {
    const headers = { accept: "application/json" };
    const response = await fetch(url, { headers, redirect: "error", signal: abort.signal });
    if (!response.ok) throw new Error(`it answers with HTTP ${response.status}`);
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of response.body ?? []) {
      length += part.length;
      if (length > BYTES_MAX) throw new Error(`it answers with more than ${BYTES_MAX} bytes`);
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch (failure) {
    if (abort.signal.aborted) throw new Error(`it does not answer within ${LIMIT_MS / 1000} s`);
    if (failure instanceof SyntaxError) throw new Error("it answers, and not with JSON");
    throw new Error(reasonOf(failure as Error), { cause: failure });
  } finally {
    clearTimeout(timer);
  }
}

/** fetch says "fetch failed", and the cause why. */
function reasonOf({ message, cause }: Error): string {
  if (!(cause instanceof Error)) return message;
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}
