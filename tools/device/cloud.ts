/** The cloud's registry of devices: `/v1/Device.*` by POST, with the operator's token. */

import * as v from "valibot";
import { freshToken } from "../auth/token/run.js";
import type { Context } from "../cli/act.js";
import { Failure, type FailureCode, printable, systemCode, systemReason, usage } from "../cli/failure.js";
import { type System, variable } from "../cli/system.js";
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
  // A cloud of before rotation has no such member.
  next_key_fingerprint: v.optional(v.nullable(said), null),
  cert_fingerprint: v.nullable(said),
  counter: v.pipe(v.number(), v.integer(), v.minValue(0)),
  history: v.array(v.object({ did: said, by: said, at: said })),
});

/** A device as the cloud knows it. */
export type Device = v.InferOutput<typeof DeviceSchema>;

/** What a new device proves itself by: a key, or a certificate. */
export type Proof = { readonly psk: string } | { readonly cert_fingerprint: string };

/** What became of one of many: it is registered, or the cloud refused it. */
export type Registered = v.InferOutput<typeof ManySchema>["devices"][number];

/** A device that somebody takes for registered. */
export type Expected = { readonly id: string } & (
  | { readonly key_fingerprint: string }
  | { readonly cert_fingerprint: string }
);

/** Whether it is. */
export type Checked = v.InferOutput<typeof CheckedSchema>["devices"][number];

/** A device, and whether its next key is another one than before. */
export type Rotated = v.InferOutput<typeof RotatedSchema>;

/** The most devices of one call. */
export const DEVICES_MAX = 256;

const CreatedSchema = v.object({ ...DeviceSchema.entries, created: v.boolean() });
const RefusalSchema = v.object({ code: v.number(), message: v.string() });
const ManySchema = v.object({
  devices: v.array(v.union([CreatedSchema, v.object({ id: said, error: RefusalSchema })])),
});
const CertifiedSchema = v.object({ ...DeviceSchema.entries, certified: v.boolean() });
const CheckedSchema = v.object({
  devices: v.array(
    v.object({ id: said, state: v.picklist(["unknown", "active", "revoked"]), same_key: v.boolean() }),
  ),
});
const RevokedSchema = v.object({ ...DeviceSchema.entries, revoked: v.boolean() });
const RotatedSchema = v.object({ ...DeviceSchema.entries, changed: v.boolean() });
const PageSchema = v.object({ devices: v.array(DeviceSchema), next: v.nullable(v.string()) });
const ReplySchema = v.union([v.object({ result: v.unknown() }), v.object({ error: RefusalSchema })]);

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
    private readonly context: Context,
    private readonly url: string,
    private token: string,
    /** Who is logged in, for logs. */
    readonly operator: string,
  ) {}

  /** @throws Failure where nobody is logged in, or nothing names the cloud */
  static async open(context: Context, flags: CloudFlags): Promise<DeviceCloud> {
    const url = cloudUrl(context.system, flags);
    const { token, account } = await freshToken(context);
    return new DeviceCloud(context, url, token, account ?? "a token of the environment");
  }

  /** Registers a device. The same id and key again changes nothing. */
  create(id: string, proof: Proof): Promise<v.InferOutput<typeof CreatedSchema>> {
    return this.call("Create", { id, ...proof }, CreatedSchema);
  }

  /** The same for up to {@link DEVICES_MAX}: each is registered or refused by itself. In their order. */
  async createMany(devices: readonly ({ readonly id: string } & Proof)[]): Promise<Registered[]> {
    const answer = await this.call("CreateMany", { devices }, ManySchema);
    if (answer.devices.every(({ id }, index) => id === devices[index]?.id)) return answer.devices;
    throw this.failed("cloud_invalid", "answers for other devices than it was asked for");
  }

  /** A device's next certificate: the one before is taken no more. */
  certify(id: string, certFingerprint: string): Promise<v.InferOutput<typeof CertifiedSchema>> {
    return this.call("Certify", { id, cert_fingerprint: certFingerprint }, CertifiedSchema);
  }

  /** Are up to {@link DEVICES_MAX} what they are taken for? In their order. */
  async check(devices: readonly Expected[]): Promise<Checked[]> {
    const answer = await this.call("Check", { devices }, CheckedSchema);
    if (answer.devices.length === devices.length) return answer.devices;
    throw this.failed("cloud_invalid", "answers for other devices than it was asked for");
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

  /** Makes a device's next key, or takes it back. */
  rotate(id: string, cancel: boolean): Promise<Rotated> {
    return this.call("Rotate", { id, ...(cancel ? { cancel } : {}) }, RotatedSchema);
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
    let { status, text } = await this.answered(body);
    // A batch may take longer than a token lives.
    if (status === 401 && (await this.hasNewToken())) ({ status, text } = await this.answered(body));
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

  private answered(body: string): Promise<{ status: number; text: string }> {
    const late = this.failed("cloud_unreachable", `gives no answer within ${ANSWER_MS_MAX / 1000} s`);
    const { interrupted } = this.context.system;
    return waitFor(ANSWER_MS_MAX, late, (signal) => this.posted(body, signal), interrupted);
  }

  private async hasNewToken(): Promise<boolean> {
    const { token } = this;
    this.token = (await freshToken(this.context)).token;
    return this.token !== token;
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

/** The cloud that a flag or the environment names. @throws Failure where nothing does */
export const cloudUrl = (system: System, flags: CloudFlags): string =>
  urlOf(flags.cloud ?? variable(system, "MOTEKEY_CLOUD"));

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
