import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import envPaths from "env-paths";
import * as v from "valibot";
import type { CloudInFolder, IdentityOptions } from "../../../host-sim/index.js";
import type { Context } from "../../cli/act.js";
import { untilEnded } from "../../cli/ending.js";
import { Failure, printable, systemCode, systemReason, usage } from "../../cli/failure.js";
import { variable } from "../../cli/system.js";

/** The flags of `motekey cloud start`. */
export interface StartFlags {
  readonly folder?: string;
  readonly host: string;
  readonly mqttPort: string;
  readonly httpPort: string;
  readonly identityPort: string;
  readonly restored?: boolean;
  readonly seed?: string;
}

/** Runs a mock cloud until Ctrl-C. */
export async function start(context: Context, flags: StartFlags): Promise<void> {
  const { system, output } = context;
  const options = {
    host: flags.host,
    ports: {
      mqtt: portOf("--mqtt-port", flags.mqttPort),
      http: portOf("--http-port", flags.httpPort),
      identity: portOf("--identity-port", flags.identityPort),
    },
    identity: await identityOf(context, flags),
    cloud: { restored: flags.restored === true },
  };
  // Loaded here: the cloud's packages take longer than all other commands.
  const { startCloudIn } = await import("../../../host-sim/index.js");
  const running = await startCloudIn(folderOf(context, flags), options).catch((failure: Error) => {
    throw notStarted(failure);
  });
  const { mqttUrl, httpUrl, issuer, clientId, folder, admin } = running;
  output.answer(
    {
      mqtt: mqttUrl,
      http: httpUrl,
      issuer,
      client_id: clientId,
      folder,
      user: admin.username,
      password: admin.password,
    },
    text(running),
  );
  output.note("\nFor tests only, not for production. Ctrl-C ends it.");
  await untilEnded(system);
  await running.cloud.close();
}

/** What to do where something cannot be listened on, by the system's code. */
const LISTENING: Readonly<Record<string, string>> = {
  EACCES: "Choose a port from 1024 on.",
  EADDRINUSE: "Other ports: --mqtt-port, --http-port, --identity-port; 0 takes any free one.",
  EADDRNOTAVAIL: "Check --host.",
  ENOTFOUND: "Check --host.",
};

function notStarted(failure: Error): Failure {
  const { message, cause } = failure;
  const next = message.startsWith("Cannot listen") ? LISTENING[systemCode(cause)] : undefined;
  // The cloud's message guesses; the code knows.
  const what = next === undefined ? message : `${message.split(";")[0]}: ${systemReason(cause)}`;
  const help = "See 'motekey cloud start --help'.";
  return new Failure("failed", `${printable(what)}.`, next ?? help, { cause: failure });
}

function text({ mqttUrl, httpUrl, issuer, folder, admin }: CloudInFolder): string {
  const password =
    admin.password === null
      ? "its password was shown at the first start"
      : `password ${admin.password} (shown once)`;
  const rows = [
    ["MQTT", mqttUrl],
    ["HTTP", httpUrl],
    ["Identity", issuer],
    ["Kept in", folder],
    ["User", `${admin.username}, ${password}`],
    ["Log in", `motekey auth login --issuer ${issuer}`],
  ];
  return rows.map(([name = "", value]) => `${name.padEnd(10)}${value}`).join("\n");
}

function folderOf({ system }: Context, flags: StartFlags): string {
  const given = flags.folder ?? variable(system, "MOTEKEY_CLOUD_FOLDER");
  if (given === undefined) return join(envPaths("motekey", { suffix: "" }).data, "cloud");
  return resolve(system.directory, given);
}

function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw usage(`${flag} is a number from 0 to 65535, not '${printable(text, 40)}'.`, "0 takes any free one.");
}

const texts = v.optional(v.array(v.string()));
const MembershipsSchema = v.optional(
  v.array(
    v.strictObject({
      organization: v.string(),
      role: v.optional(v.picklist(["admin", "developer", "viewer"])),
      teams: texts,
    }),
  ),
);
const seconds = v.optional(v.pipe(v.number(), v.minValue(1)));
const SeedSchema = v.strictObject({
  organizations: v.optional(v.array(v.strictObject({ name: v.string(), teams: texts })), []),
  users: v.optional(
    v.array(
      v.strictObject({
        username: v.string(),
        password: v.optional(v.string()),
        email: v.optional(v.string()),
        name: v.optional(v.string()),
        memberships: MembershipsSchema,
      }),
    ),
    [],
  ),
  serviceAccounts: v.optional(
    v.array(
      v.strictObject({
        clientId: v.string(),
        name: v.optional(v.string()),
        secret: v.optional(v.string()),
        publicKey: v.optional(v.string()),
        workload: v.optional(
          v.strictObject({ issuer: v.string(), subject: v.string(), audience: v.optional(v.string()) }),
        ),
        memberships: MembershipsSchema,
      }),
    ),
    [],
  ),
  audiences: texts,
  lifetimes: v.optional(
    v.strictObject({
      accessToken: seconds,
      refreshToken: seconds,
      authorizationCode: seconds,
      deviceCode: seconds,
      deviceInterval: seconds,
    }),
  ),
});

/** The seed, and the team that was named: the first organization has it from the start. */
async function identityOf({ system, settings }: Context, flags: StartFlags): Promise<IdentityOptions> {
  const seed = flags.seed === undefined ? {} : await readSeed(resolve(system.directory, flags.seed));
  const { organizations, ...rest } = v.parse(SeedSchema, seed);
  const [first = { name: "Acme Corp" }, ...others] = organizations;
  const named = settings.team?.from === "--team" ? [settings.team.value] : [];
  const teams = [...named, ...(first.teams ?? [])];
  return { ...rest, organizations: [{ ...first, teams }, ...others] } as IdentityOptions;
}

async function readSeed(path: string): Promise<unknown> {
  const broken = (why: string) =>
    usage(`The seed ${path} cannot be used: ${why}.`, "See 'motekey cloud start --help'.");
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (failure) {
    throw broken(systemCode(failure) === "" ? "it is not JSON" : systemReason(failure));
  }
  if (Array.isArray(content)) throw broken("its top: it is a list");
  const result = v.safeParse(SeedSchema, content);
  if (result.success) return content;
  throw broken(`${v.getDotPath(result.issues[0]) ?? "its top"}: ${printable(result.issues[0].message, 200)}`);
}
