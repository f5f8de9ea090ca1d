/** Who is barred is out within two seconds, also one that never pauses: at each replica, and at real brokers. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import { type Service, type ServiceOptions, startService } from "../../host-sim/service/index.js";
import { findMosquitto, startDynamicMosquitto } from "../servers/mosquitto.js";
import { findNats, startUsersNats } from "../servers/nats.js";
import { Postgres } from "../servers/postgres.js";
import { freePort } from "../servers/process.js";
import { findRabbitmq, startServiceRabbitmq } from "../servers/rabbitmq.js";
import { FREE, newFolder, newKeyFile } from "./places.js";

const START_LIMIT_MS = 180_000;
const DEVICES = ["device_1", "device_2", "device_3"].map((id) => ({ id, psk: secret() }));

function secret(): string {
  return randomBytes(24).toString("base64url");
}

function fileOf(text: string): string {
  const file = join(newFolder(), "secret");
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
}

/** Where devices connect, and the service's part of it. */
interface Site {
  url: string;
  service: Partial<ServiceOptions>;
  close(): Promise<void>;
}

const SITES: Readonly<Record<string, (context: Mocha.Context) => Promise<Site>>> = {
  "mosquitto, by dynamic security": async (context) => {
    const password = secret();
    const broker = await startDynamicMosquitto(findMosquitto(context), DEVICES, password);
    const passwordFile = fileOf(password);
    const evict = { url: broker.url.replace("//", "//admin@"), passwordFile };
    return {
      url: broker.url,
      service: { broker: { url: broker.url.replace("//", "//cloud@"), passwordFile, evict } },
      close: () => broker.close(),
    };
  },
  "NATS, which reads its users again": async (context) => {
    const nats = await startUsersNats(findNats(context), DEVICES);
    const { usersFile, pidFile } = nats;
    return {
      url: nats.url,
      service: {
        broker: {
          url: nats.nativeUrl,
          passwordFile: fileOf("the-service-password"),
          evict: { usersFile, pidFile },
        },
      },
      close: () => nats.close(),
    };
  },
  "RabbitMQ, by its management": async (context) => {
    const authority = await CertificateAuthority.create("motekey test CA");
    const server = await authority.issue({ name: "broker", hosts: ["localhost", "127.0.0.1"] });
    const [httpPort, shown, password] = [await freePort(), secret(), secret()];
    const hooked = { server, ca: authority.cert, httpPort, secret: shown };
    const rabbitmq = await startServiceRabbitmq(findRabbitmq(context), hooked, password);
    const passwordFile = fileOf(password);
    const evict = { url: rabbitmq.managementUrl.replace("//", "//evict@"), passwordFile };
    return {
      url: rabbitmq.plainUrl,
      service: {
        broker: { url: rabbitmq.amqpUrl, passwordFile, evict },
        hook: { secretFile: fileOf(shown) },
        httpPort,
      },
      close: () => rabbitmq.close(),
    };
  },
};

/** Connects, and publishes without a pause until the connection is over; what happened then. */
class Busy {
  private constructor(
    private readonly client: MqttClient,
    /** Resolves when the broker has closed the connection. */
    readonly over: Promise<void>,
  ) {}

  static async connect(url: string, { id, psk }: { id: string; psk: string }): Promise<Busy> {
    const options = {
      clientId: id,
      username: id,
      password: psk,
      protocolVersion: 4,
      reconnectPeriod: 0,
    } as const;
    const client = await connectAsync(url, options);
    const over = new Promise<void>((resolve) => client.once("close", () => resolve()));
    const next = (): void => {
      // What is no frame is dropped by the service.
      if (client.connected)
        client.publish(`cloud/from/${id}/rpc`, "{}", { qos: 1 }, () => setImmediate(next));
    };
    client.on("error", () => {});
    next();
    return new Busy(client, over);
  }

  get isConnected(): boolean {
    return this.client.connected;
  }

  close(): void {
    this.client.end(true);
  }
}

for (const [name, open] of Object.entries(SITES)) {
  describe(`a barred device at ${name}`, function () {
    this.timeout(START_LIMIT_MS);
    let site: Site;
    let service: Service;

    before(async function () {
      site = await open(this);
      service = await startService({ database: { folder: newFolder() }, ...FREE, ...site.service });
      for (const known of DEVICES) await service.addDevice(known);
    });
    after(async () => {
      await service?.close();
      await site?.close();
    });

    it("that never pauses is disconnected, does not come back, and others stay", async () => {
      const [barred, other, third] = (await Promise.all(
        DEVICES.map((known) => Busy.connect(site.url, known)),
      )) as [Busy, Busy, Busy];
      const startedMs = performance.now();
      await Promise.all(["device_1", "device_3"].map((id) => service.disable(id)));
      await Promise.all([barred.over, third.over]);
      console.log(`      out after ${Math.round(performance.now() - startedMs)} ms`);
      await assert.rejects(Busy.connect(site.url, DEVICES[0] as (typeof DEVICES)[0]));
      assert.equal(other.isConnected, true);
      other.close();
    });
  });
}

describe("a barred device at another replica", function () {
  this.timeout(START_LIMIT_MS);
  let postgres: Postgres;
  let services: [Service, Service];

  before(async function () {
    postgres = await Postgres.start(this);
    const options = {
      database: { url: postgres.url },
      sealKeyFiles: [newKeyFile()],
      databaseLimitMs: 20_000,
      ...FREE,
    };
    services = await Promise.all([startService(options), startService(options)]);
  });
  after(async () => {
    await Promise.all((services ?? []).map((service) => service.close()));
    await postgres?.close();
  });

  it("is disconnected there, and one that was let in again since is not", async () => {
    const [one, other] = services;
    const known = await one.addDevice({ id: "device_1" });
    const busy = await Busy.connect(other.mqttUrl, known);
    const startedMs = performance.now();
    await one.disable(known.id);
    await busy.over;
    console.log(`      out after ${Math.round(performance.now() - startedMs)} ms`);
    const again = await Busy.connect(other.mqttUrl, await one.addDevice({ id: "device_1" }));
    const third = await Busy.connect(other.mqttUrl, await one.addDevice({ id: "device_2" }));
    await one.disable("device_2");
    await third.over;
    assert.equal(again.isConnected, true);
    again.close();
  });
});
