/** The cloud's registry of devices: `/v1/Device.*` by POST, with the operator's token. */

import * as v from "valibot";
import { freshToken } from "../auth/token/run.js";
import type { Context } from "../cli/act.js";
import { Failure, type FailureCode, printable, systemCode, systemReason, usage } from "../cli/failure.js";
import { variable } from "../cli/system.js";
import { waitFor } from "../cli/wait.js";
import type { CloudFlags } from "./cloud-flag.js";

const ANSWER_MS_MAX = 15_000;
const ANSWER_BYTES_MAX = 1024 * 1024;

const said = v.pipe(
  v.string(),
  v.transform((text) => printable(text, 200)),
);
const DeviceSchema = v.object({
  id: said,
  state: v.picklist(["active", "revoked"]),
  key_fingerprint: said,
  counter: v.pipe(v.number(), v.integer(), v.minValue(0)),
  history: v.array(v.object({ did: said, by: said, at: said })),
});

/** A device as the cloud knows it. */
export type Device = v.InferOutput<typeof DeviceSchema>;

const CreatedSchema = v.object({ ...DeviceSchema.entries, created: v.boolean() });
const RevokedSchema = v.object({ ...DeviceSchema.entries, revoked: v.boolean() });
const PageSchema = v.object({ devices: v.array(DeviceSchema), next: v.nullable(v.string()) });
const ReplySchema = v.union([
  v.object({ result: v.unknown() }),
  v.object({ error: v.object({ code: v.number(), message: v.string() }) }),
]);

/** What the cloud's error codes are here. */
const CODES: Readonly<Record<number, FailureCode>> = {
  400: "usage",
  403: "not_allowed",
  404: "device_unknown",
  409: "device_exists",
};

const NEXT: Partial<Record<FailureCode, string>> = {
  usage: "See the command's --help.",
  not_allowed: "Ask an administrator, or log in with the scope: motekey auth login --force.",
  device_unknown: "'motekey device list' lists those there are.",
  device_exists: "Nothing was changed.",
};

/** The registry, asked on behalf of whoever is logged in. */
export class DeviceCloud {
  private id = 0;

  private constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly interrupted: AbortSignal,
  ) {}

  /** @throws Failure where nobody is logged in, or nothing names the cloud */
  static async open(context: Context, flags: CloudFlags): Promise<DeviceCloud> {
    const url = urlOf(flags.cloud ?? variable(context.system, "MOTEKEY_CLOUD"));
    const { token } = await freshToken(context);
    return new DeviceCloud(url, token, context.system.interrupted);
  }

  /** Registers a device. The same id and key again changes nothing. */
  create(id: string, psk: string): Promise<v.InferOutput<typeof CreatedSchema>> {
    return this.call("Create", { id, psk }, CreatedSchema);
  }

  /** The device; null: there is none. */
  async find(id: string): Promise<Device | null> {
    try {
      return await this.show(id);
    } catch (failure) {
      if (failure instanceof Failure && failure.code === "device_unknown") return null;
      throw failure;
    }
  }

  show(id: string): Promise<Device> {
    return this.call("Show", { id }, DeviceSchema);
  }

  revoke(id: string): Promise<v.InferOutput<typeof RevokedSchema>> {
    return this.call("Revoke", { id }, RevokedSchema);
  }

  /** All devices, in the order of their ids. */
  async *devices(): AsyncGenerator<Device> {
    for (let after: string | null = ""; after !== null; ) {
      const page: v.InferOutput<typeof PageSchema> = await this.call(
        "List",
        { after, limit: 500 },
        PageSchema,
      );
      yield* page.devices;
      after = page.next;
    }
  }

  private async call<Schema extends v.GenericSchema>(
    method: string,
    args: object,
    schema: Schema,
  ): Promise<v.InferOutput<Schema>> {
    const body = JSON.stringify({ id: ++this.id, method: `/v1/Device.${method}`, args });
    const late = this.failed("cloud_unreachable", `gives no answer within ${ANSWER_MS_MAX / 1000} s`);
    const { status, text } = await waitFor(
      ANSWER_MS_MAX,
      late,
      (signal) => this.posted(body, signal),
      this.interrupted,
    );
    if (status === 401)
      throw new Failure(
        "invalid_token",
        `${this.url} does not take the login's token.`,
        "Log in at the cloud's own provider: motekey auth login --issuer URL.",
      );
    const reply = v.safeParse(ReplySchema, parsed(text));
    if (status !== 200 || !reply.success)
      throw this.failed("cloud_invalid", `answers with HTTP ${status}, and not as a cloud of devices does`);
    if ("error" in reply.output) throw this.refused(reply.output.error);
    const result = v.safeParse(schema, reply.output.result);
    if (result.success) return result.output;
    throw this.failed("cloud_invalid", "answers, and not as a cloud of devices does");
  }

  private async posted(body: string, signal: AbortSignal): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(new URL("rpc", this.url), {
        method: "POST",
        body,
        signal,
        // A redirect would take the token elsewhere.
        redirect: "manual",
        headers: { "content-type": "application/json", authorization: `Bearer ${this.token}` },
      });
      const text = await response.text();
      return { status: response.status, text: text.length > ANSWER_BYTES_MAX ? "" : text };
    } catch (failure) {
      if (signal.aborted) throw failure;
      const { cause } = failure as { cause?: unknown };
      const why = systemCode(cause) === "" ? "the connection ended" : systemReason(cause);
      throw this.failed("cloud_unreachable", `cannot be reached: ${why}`);
    }
  }

  private failed(code: FailureCode, what: string): Failure {
    return new Failure(code, `${this.url} ${what}.`, "Check --cloud, and that the cloud runs.");
  }

  private refused({ code, message }: { code: number; message: string }): Failure {
    const ours = CODES[code] ?? "cloud_invalid";
    return new Failure(
      ours,
      `The cloud refuses: ${printable(message, 300)}.`,
      NEXT[ours] ?? "Try again later.",
    );
  }
}

/** An address that may be given a token: https, or http on this machine. */
function urlOf(given: string | undefined): string {
  if (given === undefined)
    throw usage(
      "Nothing names the cloud.",
      "Give --cloud URL, or set MOTEKEY_CLOUD. 'motekey cloud start' starts one on this machine.",
    );
  const url = URL.canParse(given) ? new URL(given) : null;
  const isHere = url !== null && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  const isPlain = url !== null && url.username === "" && url.search === "" && url.hash === "";
  if (isPlain && (url.protocol === "https:" || (url.protocol === "http:" && isHere)))
    return url.href.endsWith("/") ? url.href : `${url.href}/`;
  throw usage(
    `'${printable(given, 200)}' is no cloud's address.`,
    "Give an https:// address; http:// is for this machine only.",
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
