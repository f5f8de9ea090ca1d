/** The auth service on both of its engines, each beside what its engine does alone. */
import { execFile } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { newSealKey, type ServiceOptions } from "../../host-sim/service/index.js";
import { FIND } from "../../host-sim/service/store/accounts.js";
import { ANSWER } from "../../host-sim/service/store/answers.js";
import { Postgres, PROGRAMS } from "../servers/postgres.js";
import { Program } from "./program.js";
import type { ServiceAnswer, ServiceTask, ServiceUse } from "./programs/service.js";
import type { LoadAnswer, LoadRound, LoadTask } from "./programs/service-load.js";
import { atLeast, atMost, type Group, information, type Row, timesBetter, withinTimes } from "./row.js";
import { interleave, median, medianPair } from "./samples.js";

const DEVICES = 32;
const MANY = 1_000_000;
const GENERATE = "/v1/Auth.GenerateToken";
const GET = "/v1/Auth.GetToken";
const MB = 1e6;
const PGBENCH = `${PROGRAMS}/pgbench`;
/** Nothing is measured: there is no PostgreSQL on this machine. */
const SKIPPED = "skipped: this machine has no PostgreSQL 15 (Debian: apt-get install postgresql)";

/** A few devices ask here as many would. */
const UNLIMITED = { addressPerSecond: 0, devicePerSecond: 0 };

/** How long rounds are, and how many. */
interface Pace {
  seconds: number;
  rounds: number;
}

/** A replica and its devices, in a process each. */
class Load {
  private constructor(
    private readonly replica: Program,
    private readonly devices: Program,
    readonly startMs: number,
  ) {}

  static async start(options: ServiceOptions, devices = DEVICES): Promise<Load> {
    const replica = await Program.start("service", { options, devices } satisfies ServiceTask);
    try {
      const { startMs, ...whom } = await replica.answer<ServiceAnswer>();
      return new Load(replica, await callers(whom), startMs);
    } catch (failure) {
      await replica.stop();
      throw failure;
    }
  }

  round(round: LoadRound): Promise<LoadAnswer> {
    return this.devices.ask<LoadAnswer>(round);
  }

  use(): Promise<ServiceUse> {
    return this.replica.ask<ServiceUse>({});
  }

  /** The replica's processor time per call of a round, µs. */
  async cpuMicros(round: LoadRound): Promise<number> {
    const before = await this.use();
    const { calls } = await this.round(round);
    return (1000 * ((await this.use()).cpuMs - before.cpuMs)) / calls;
  }

  async stop(): Promise<void> {
    await this.devices.stop();
    await this.replica.stop();
  }
}

async function callers(whom: LoadTask): Promise<Program> {
  const devices = await Program.start("service-load", whom);
  await devices.answer();
  return devices;
}

/** `npm run bench -- --only service`. */
export const service: Group = {
  name: "service",
  rows: async (quick) => {
    const pace = quick ? { seconds: 0.5, rounds: 1 } : { seconds: 5, rounds: 3 };
    const folder = mkdtempSync(join(tmpdir(), "motekey-bench-"));
    try {
      return [...(await embeddedRows(folder, pace)), ...(await postgresRows(folder, pace, quick))];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function embeddedRows(folder: string, { seconds, rounds }: Pace): Promise<Row[]> {
  const peer = await Program.start("pglite", { seconds });
  try {
    const { peakRssBytes } = await peer.answer<{ peakRssBytes: number }>();
    await peer.answer();
    const options = {
      database: { folder: join(folder, "embedded") },
      databaseLimitMs: 20_000,
      limits: UNLIMITED,
    };
    const load = await Load.start(options);
    try {
      const { calls, alone } = await interleave(
        {
          calls: async () => (await load.round({ method: GENERATE, seconds, perSecond: null })).perSecond,
          alone: () => peer.sample(),
        },
        rounds,
      );
      return [
        atLeast(1_000, {
          name: "service, embedded: GenerateToken",
          ours: median(calls),
          peer: median(alone),
          unit: "per s",
          isMoreBetter: true,
          against: `PGlite alone, one row updated and one inserted per transaction; ours: ${DEVICES} devices with a call each, over WebSockets`,
        }),
        atMost(405, {
          name: "service, embedded: memory, first start",
          ours: (await load.use()).peakRssBytes / MB,
          peer: peakRssBytes / MB,
          unit: "MB",
          against:
            "PGlite as it comes, until its database is made: the most that each process ever had; ours has another process make it",
        }),
      ];
    } finally {
      await load.stop();
    }
  } finally {
    await peer.stop();
  }
}

async function postgresRows(folder: string, pace: Pace, quick: boolean): Promise<Row[]> {
  if (!existsSync(PGBENCH))
    return [
      information({
        name: "service, PostgreSQL",
        ours: Number.NaN,
        peer: Number.NaN,
        unit: "",
        against: SKIPPED,
      }),
    ];
  const postgres = await Postgres.launch();
  try {
    const sealKeyFile = join(folder, "seal.key");
    writeFileSync(sealKeyFile, newSealKey());
    const options = {
      database: { url: postgres.url },
      sealKeyFiles: [sealKeyFile],
      databaseLimitMs: 20_000,
      limits: UNLIMITED,
    };
    const rows = await callRows(folder, postgres.url, options, pace);
    return [...rows, ...(await sizeRows(postgres.url, options, pace, quick ? 10_000 : MANY))];
  } finally {
    await postgres.close();
  }
}

async function callRows(folder: string, url: string, options: ServiceOptions, pace: Pace): Promise<Row[]> {
  const { seconds, rounds } = pace;
  const load = await Load.start(options);
  await addRows(url, "bench", DEVICES);
  const bare = await Program.start("select-peer", { url });
  const rpcUrl = await bare.answer<string>();
  const credentials = Array.from({ length: DEVICES }, (_, at) => ({ id: `device_${at}`, psk: "" }));
  const select = await callers({ rpcUrl, credentials });
  try {
    const script = join(folder, "answer.sql");
    writeFileSync(script, PGBENCH_SCRIPT);
    const round = { seconds, perSecond: null };
    const all = await interleave(
      {
        generate: async () => (await load.round({ ...round, method: GENERATE })).perSecond,
        pgbench: () => pgbenchPerSecond(url, script, seconds),
        get: async () => (await load.round({ ...round, method: GET })).p50Ms,
        select: async () => (await select.ask<LoadAnswer>({ ...round, method: GET })).p50Ms,
        cpu: () => load.cpuMicros({ ...round, method: GENERATE }),
        sign: signMicros,
      },
      rounds,
    );
    const perSecond = median(all.generate) / 2;
    const half = await load.round({ method: GENERATE, seconds, perSecond });
    const bareP99Ms = await pgbenchP99Ms(url, script, folder, { seconds, perSecond });
    const [ours, peer] = medianPair(all.generate, all.pgbench);
    const [get, bareGet] = medianPair(all.get, all.select);
    const carried = `${DEVICES} devices with a call each, over WebSockets`;
    return [
      timesBetter(0.4, {
        name: "service, PostgreSQL: GenerateToken",
        ours,
        peer,
        unit: "per s",
        isMoreBetter: true,
        against: `pgbench with the same statements, prepared, 16 clients; ours: ${carried}; the round whose ratio is the median`,
      }),
      atMost(250, {
        name: "service, PostgreSQL: processor per call",
        ours: median(all.cpu),
        peer: median(all.sign),
        unit: "µs",
        against:
          "one signature with ES256 by node:crypto; ours: the replica's processor time per GenerateToken",
        tried: "calls that come together go to the database together",
      }),
      atMost(10, {
        name: "service, PostgreSQL: p99 at half of that",
        ours: half.p99Ms,
        peer: bareP99Ms,
        unit: "ms",
        against: "pgbench with the same statements at the same rate: what the disk and the machine take",
      }),
      withinTimes(2, {
        name: "service, PostgreSQL: GetToken",
        ours: get,
        peer: bareGet,
        unit: "ms",
        against: `a WebSocket server that finds one row by its key; medians, ${carried}`,
      }),
    ];
  } finally {
    await select.stop();
    await bare.stop();
    await load.stop();
  }
}

/** What a replica takes with few devices in its database, and with very many. */
async function sizeRows(url: string, options: ServiceOptions, pace: Pace, many: number): Promise<Row[]> {
  const round = { method: GENERATE, seconds: pace.seconds, perSecond: null };
  const measure = async () => {
    const load = await Load.start(options);
    try {
      await load.round(round); // warms up
      const cpu = await load.cpuMicros(round);
      return { startMs: load.startMs, cpu, rss: (await load.use()).rssBytes };
    } finally {
      await load.stop();
    }
  };
  const few = await measure();
  await addRows(url, "more", many);
  const lot = await measure();
  const count = many.toLocaleString("en");
  return [
    atMost(3_000, {
      name: `service, ${count} devices: start`,
      ours: lot.startMs,
      peer: few.startMs,
      unit: "ms",
      against: `with ${DEVICES} devices in the database`,
    }),
    withinTimes(1.3, {
      name: `service, ${count} devices: processor per call`,
      ours: lot.cpu,
      peer: few.cpu,
      unit: "µs",
      against: `with ${DEVICES} devices in the database`,
    }),
    withinTimes(1.3, {
      name: `service, ${count} devices: memory`,
      ours: lot.rss / MB,
      peer: few.rss / MB,
      unit: "MB",
      against: `with ${DEVICES} devices in the database`,
    }),
  ];
}

/** Devices that nobody calls as, `<name>_0` and on. */
async function addRows(url: string, name: string, count: number): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(
      `INSERT INTO motekey.devices (id, role, psk)
       SELECT $1 || '_' || g, 'device', (SELECT psk FROM motekey.devices LIMIT 1) FROM generate_series(0, $2) g`,
      [name, count - 1],
    );
    await client.query("VACUUM ANALYZE motekey.devices");
  } finally {
    await client.end();
  }
}

/** What the service asks for one GenerateToken, in pgbench's words. */
const PGBENCH_SCRIPT = `\\set device random(0, ${DEVICES - 1})
\\set request random(1, 1000000000000)
${FIND.replaceAll("$1", "ARRAY['bench_' || :device]")};
${ANSWER.replace(
  "$1",
  `json_build_array(json_build_object('place', 0, 'device', 'bench_' || :device, 'request_id', :request::bigint,
  'request', encode(sha256(convert_to('GenerateToken', 'UTF8')), 'base64'), 'reply', repeat('A', 800), 'code', 0,
  'kind', 'generate', 'host', 'app.example.com', 'token', repeat('A', 600),
  'hash', encode(sha256(convert_to(:request::text, 'UTF8')), 'base64'),
  'issued_ms', 1700000000000, 'graced_ms', 1700000120000, 'expires_ms', 4000000000000))`,
)};
`;

/** As long as a round of ours: 16 clients, prepared statements. */
function pgbenchWords(url: string, script: string, seconds: number): string[] {
  const shape = "-n -M prepared -c 16 -j 2".split(" ");
  return [...shape, "-T", String(Math.ceil(seconds)), "-f", script, url];
}

/** How late the slowest hundredth of its transactions is, counted from when each was due. */
async function pgbenchP99Ms(
  url: string,
  script: string,
  folder: string,
  { seconds, perSecond }: { seconds: number; perSecond: number },
): Promise<number> {
  const log = join(folder, "pgbench");
  const words = [
    `--rate=${perSecond}`,
    "--log",
    `--log-prefix=${log}`,
    ...pgbenchWords(url, script, seconds),
  ];
  await promisify(execFile)(PGBENCH, words);
  const tookMs = readdirSync(folder)
    .filter((name) => name.startsWith("pgbench."))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"))
    .map((line) => Number(line.split(" ")[2]) / 1000)
    .sort((one, other) => one - other);
  return tookMs[Math.floor(tookMs.length * 0.99)] ?? Number.NaN;
}

async function pgbenchPerSecond(url: string, script: string, seconds: number): Promise<number> {
  const { stdout } = await promisify(execFile)(PGBENCH, pgbenchWords(url, script, seconds));
  const [, tps] = /tps = ([\d.]+)/.exec(stdout) ?? [];
  if (tps === undefined) throw new Error(`pgbench said ${stdout}`);
  return Number(tps);
}

function signMicros(): number {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const text = Buffer.alloc(300);
  const rounds = 2_000;
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round++)
    sign("sha256", text, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / rounds;
}
