import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Context } from "../../cli/act.js";
import { untilEnded } from "../../cli/ending.js";
import { cloudUrl } from "../cloud.js";
import type { CloudFlags } from "../cloud-flag.js";
import { numberOf } from "../settings.js";
import { Bench } from "./bench.js";
import { CSS, HTML, ICON } from "./document.js";
import { BenchServer } from "./server.js";

/** The flags of `motekey device serve`. */
export interface ServeFlags extends CloudFlags {
  readonly httpPort: string;
}

const TOKEN_BYTES = 32;

/** Serves the bench's page until Ctrl-C. */
export async function serve(context: Context, flags: ServeFlags): Promise<void> {
  const { system, output } = context;
  const port = numberOf("--http-port", flags.httpPort);
  const cloud = cloudUrl(system, flags);
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const files = {
    "/": { type: "text/html", content: HTML },
    "/icon.svg": { type: "image/svg+xml", content: ICON },
    "/page.css": { type: "text/css", content: CSS },
    "/page.js": { type: "text/javascript", content: await readFile(system.benchPage) },
  };
  const bench = new Bench(context, flags, cloud);
  const server = await BenchServer.listen(port, token, files, bench.calls, (text) =>
    system.secrets.without(text),
  );
  try {
    // Asked for by name, as a token is.
    const url = `${server.origin}/#token=${token}`;
    output.print({ url, cloud }, `Open this address in Chrome or Edge on this machine:\n${url}`);
    output.note("Ctrl-C ends it.");
    await untilEnded(system);
  } finally {
    bench.end();
    await server.close();
  }
}
