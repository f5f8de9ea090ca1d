/** Two replicas behind a real broker, on one PostgreSQL: they share the requests, and one is killed with some in hand. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import type { CloudEvent } from "../../host-sim/cloud/types.js";
import { type DeviceOptions, type SimulatedDevice, simulateDevice } from "../../host-sim/device.js";
import {
  type Service,
  type ServiceBroker,
  type ServiceOptions,
  startService,
} from "../../host-sim/service/index.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { findNats, startOpenNats } from "../servers/nats.js";
import { Postgres } from "../servers/postgres.js";
import { freePort } from "../servers/process.js";
import { findRabbitmq, startServiceRabbitmq } from "../servers/rabbitmq.js";
import { FREE, newFolder, newKeyFile } from "./places.js";

const REPLICA = fileURLToPath(new URL("./replica.ts", import.meta.url));
const HOST = "app-0.example.com";
const DEVICES = Array.from({ length: 8 }, (_, at) => ({ id: `device_${at}`, psk: secret() }));
const START_LIMIT_MS = 180_000;

function secret(): string {
  return randomBytes(24).toString("base64url");
}

function fileOf(text: string): string {
  const file = join(newFolder(), "secret");
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
}

/** A running broker: how devices reach it, and how each of two replicas does. */
interface Site {
  device: Pick<DeviceOptions, "cloud" | "proof">;
  replicas: [Partial<ServiceOptions>, Partial<ServiceOptions>];
  close(): Promise<void>;
}

const SITES: Readonly<Record<string, (context: Mocha.Context) => Promise<Site>>> = {
  "mosquitto ($share)": async (context) => {
    const users = [
      ...DEVICES.map(({ id, psk }) => ({ id, password: psk })),
      ...["cloud_1", "cloud_2"].map((id) => ({ id, password: secret() })),
    ];
    const rules = ["cloud_1", "cloud_2"].flatMap((id) => [
      `user ${id}`,
      "topic read cloud/from/+/rpc",
      "topic read cloud/from/+/rpc-cbor",
      "topic write +/rpc",
      "topic write +/rpc-cbor",
    ]);
    const broker = await startMosquitto(findMosquitto(context), users, rules);
    const replica = (id: string): { broker: ServiceBroker } => ({
      broker: {
        url: broker.url.replace("//", `//${id}@`),
        passwordFile: fileOf(users.find((user) => user.id === id)?.password ?? ""),
      },
    });
    return {
      device: { cloud: broker.url, proof: "password+mac" },
      replicas: [replica("cloud_1"), replica("cloud_2")],
      close: () => broker.close(),
    };
  },
  "NATS (a queue group)": async (context) => {
    const nats = await startOpenNats(findNats(context));
    const broker = { url: nats.nativeUrl };
    return {
      device: { cloud: nats.url, proof: "mac" },
      replicas: [{ broker }, { broker }],
      close: () => nats.close(),
    };
  },
  "RabbitMQ (competing consumers, and it asks one of them)": async (context) => {
    const authority = await CertificateAuthority.create("motekey test CA");
    const server = await authority.issue({ name: "broker", hosts: ["localhost", "127.0.0.1"] });
    const [httpPort, shown] = [await freePort(), secret()];
    const password = secret();
    const rabbitmq = await startServiceRabbitmq(
      findRabbitmq(context),
      { server, ca: authority.cert, httpPort, secret: shown },
      password,
    );
    const broker = { url: rabbitmq.amqpUrl, passwordFile: fileOf(password) };
    const hook = { secretFile: fileOf(shown) };
    return {
      device: { cloud: rabbitmq.plainUrl, proof: "counter+mac" },
      replicas: [
        { broker, hook, httpPort },
        { broker, hook },
      ],
      close: () => rabbitmq.close(),
    };
  },
};

for (const [name, open] of Object.entries(SITES)) {
  describe(`two replicas behind ${name}`, function () {
    this.timeout(START_LIMIT_MS);
    let postgres: Postgres;
    let site: Site;
    let options: ServiceOptions;
    /** Lives through all of this. */
    let survivor: Service;
    const children: ChildProcess[] = [];
    const devices: SimulatedDevice[] = [];
    const events: CloudEvent[] = [];
    let wake: () => void = () => {};

    /** What any replica tells. */
    function note(event: CloudEvent): void {
      events.push(event);
      wake();
    }

    before(async function () {
      site = await open(this);
      postgres = await Postgres.start(this);
      options = {
        database: { url: postgres.url },
        sealKeyFiles: [newKeyFile()],
        // A machine that freezes for a second is no database that is away.
        databaseLimitMs: 20_000,
        ...FREE,
      };
      survivor = await startService({
        ...options,
        ...site.replicas[0],
        log: note,
      });
      for (const known of DEVICES) await survivor.addDevice(known);
    });
    after(async () => {
      for (const device of devices) device.close();
      for (const child of children) child.kill("SIGKILL");
      await survivor?.close();
      await postgres?.close();
      await site?.close();
    });

    /** The other replica, in a process of its own. */
    async function other(): Promise<ChildProcess> {
      const child = fork(REPLICA, { execArgv: ["--import", "tsx"] });
      children.push(child);
      child.send({ ...options, ...site.replicas[1] });
      const [said] = (await once(child, "message")) as [{ reason?: string }];
      assert.equal(said.reason, undefined);
      child.on("message", ({ event }: { event?: CloudEvent }) => {
        if (event !== undefined) note(event);
      });
      return child;
    }

    function connect(known: { id: string; psk: string }, more: Partial<DeviceOptions> = {}): SimulatedDevice {
      const device = simulateDevice({ ...site.device, ...known, allowInsecure: true, ...more });
      devices.push(device);
      return device;
    }

    const tokensMade = (): number => events.filter(({ event }) => event === "token").length;

    it("both take requests, and each request is carried out once", async () => {
      const child = await other();
      const here: CloudEvent[] = [];
      const unlisten = survivor.on((event) => here.push(event));
      const before = tokensMade();
      const apps = DEVICES.flatMap((known) => {
        const device = connect(known);
        return Array.from({ length: 4 }, (_, at) => ({ device, host: `app-${at}.example.com` }));
      });
      const told = await Promise.all(
        apps.map(async ({ device, host }) => ({ host, ...(await device.host(host).getToken()) })),
      );
      for (const { token, host } of told) assert.equal((await survivor.checkToken(token, host)).active, true);
      unlisten();
      const mine = here.filter(({ event }) => event === "token").length;
      assert.ok(mine > 0 && mine < apps.length, `${mine} of ${apps.length} here`);
      assert.equal(tokensMade() - before, apps.length);
      child.kill("SIGTERM");
      await once(child, "exit");
    });

    it("one killed under load: every call is answered in the end, no counter was accepted twice", async () => {
      const child = await other();
      const calls = devices.map(async (device) => {
        for (let call = 0; call < 12; call++) {
          const { token } = await device.host(HOST).generateToken();
          assert.equal((await survivor.checkToken(token, HOST)).active, true);
        }
      });
      const until = tokensMade() + 24;
      const enough = async (): Promise<void> => {
        while (tokensMade() < until)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      };
      // What a call fails with is told at once.
      await Promise.race([enough(), Promise.all(calls)]);
      child.kill("SIGKILL");
      await Promise.all(calls);
      const taken = events.flatMap((event) =>
        event.event === "mac-session" ? [`${event.id} ${event.counter}`] : [],
      );
      assert.ok(taken.length >= DEVICES.length);
      assert.equal(new Set(taken).size, taken.length);
    });
  });
}
