/** `motekey cloud serve`, `import` and `export` as processes. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Cloud, simulateDevice, startCloud } from "../../host-sim/index.js";
import { CONFIG_SCHEMA } from "../../host-sim/service/config-schema.js";
import { newSealKey } from "../../host-sim/service/index.js";
import { SERVICE_OPTIONS } from "../../host-sim/service/service-options.js";
import { good } from "./acme.js";
import { type ProcessOptions, runProcess } from "./process.js";
import { World } from "./world.js";

const HOST = "app.example.com";
const PORTS = { MOTEKEY_SERVICE_MQTT_PORT: "0", MOTEKEY_SERVICE_HTTP_PORT: "0" };

interface Listed {
  entities: { id: string; psk: string; counters: { connect: number; mac: number } }[];
}

describe("motekey cloud serve", function () {
  this.timeout(180_000);
  const world = new World();
  const at = (name: string) => join(world.folder, name);
  const run = (line: string, { env, ...options }: ProcessOptions = {}) =>
    runProcess(line.split(" "), {
      directory: world.folder,
      ...options,
      env: { ...world.env, ...PORTS, ...env },
    });
  let psk: string;

  before(async () => {
    mkdirSync(at("mock"));
    const mock: Cloud = await startCloud({ registryFile: at("mock/devices.json") });
    ({ psk } = await mock.addDevice({ id: "device_1" }));
    const device = simulateDevice({ cloud: mock, id: "device_1", psk, counter: 500 });
    await device.host(HOST).getToken();
    device.close();
    await mock.close();
  });
  after(() => world.end());

  it("serves devices that were imported from a mock cloud, drains at SIGTERM, and logs no secret", async () => {
    assert.deepEqual(JSON.parse(good(await run("cloud import --from mock --folder state --json")).stdout), {
      entities: 1,
    });
    let token = "";
    const use = async (child: ChildProcess) => {
      const [told] = await once(child.stdout as NodeJS.ReadableStream, "data");
      const device = simulateDevice({ cloud: JSON.parse(told).mqtt, id: "device_1", psk, counter: 1_000 });
      token = (await device.host(HOST).getToken()).token;
      device.close();
      child.kill("SIGTERM");
    };
    let used: Promise<void> | undefined;
    const said = await run("cloud serve --folder state --json=mqtt", {
      started: (child) => {
        used = use(child);
      },
    });
    await used;
    good(said);
    assert.match(said.stderr, /"event":"token","id":"device_1"/);
    for (const secret of [psk, token]) assert.ok(secret !== "" && !said.stderr.includes(secret));
  });

  it("answers at SIGTERM what it has in hand, however long its client takes", async () => {
    let answer = "";
    let used: Promise<void> | undefined;
    const use = async (child: ChildProcess) => {
      const [told] = await once(child.stdout as NodeJS.ReadableStream, "data");
      const { hostname, port } = new URL(JSON.parse(told).http);
      const socket = connect(Number(port), hostname).setEncoding("latin1");
      socket.on("data", (data) => {
        answer += data;
      });
      const ended = once(socket, "close");
      // The second half of a body comes when a command that is interrupted would have been ended long ago.
      socket.write("POST /v1/Auth.GetToken HTTP/1.1\r\nHost: cloud\r\nContent-Length: 2\r\n\r\n{");
      await delay(500);
      child.kill("SIGTERM");
      await delay(1_500);
      socket.write("}");
      await ended;
    };
    const said = await run("cloud serve --folder state --json=http", {
      started: (child) => {
        used = use(child);
      },
    });
    await used;
    good(said);
    assert.match(answer, /^HTTP\/1\.1 [45]\d\d /);
  });

  it("export writes what import reads, for its owner only, and overwrites nothing", async () => {
    writeFileSync(at("service.json"), JSON.stringify({ database: { folder: "state" } }));
    const env = { MOTEKEY_SERVICE_SETTINGS: "service.json" };
    good(await run("cloud export --out devices.json", { env }));
    assert.equal(statSync(at("devices.json")).mode & 0o777, 0o600);
    const { entities } = JSON.parse(readFileSync(at("devices.json"), "utf8")) as Listed;
    assert.deepEqual(
      entities.map(({ id, psk }) => ({ id, psk })),
      [{ id: "device_1", psk }],
    );
    assert.ok((entities[0]?.counters.connect ?? 0) >= 1_000);
    assert.equal((await run("cloud export --settings service.json --out devices.json")).exit, 1);
    good(await run("cloud import --from devices.json --settings service.json"));
  });

  it("--restored begins a new epoch: counters are raised", async () => {
    const said = await run("cloud serve --settings service.json --restored", {
      started: (child) => child.stdout?.once("data", () => child.kill("SIGINT")),
    });
    good(said);
    good(await run("cloud export --folder state --out restored.json"));
    const { entities } = JSON.parse(readFileSync(at("restored.json"), "utf8")) as Listed;
    assert.ok((entities[0]?.counters.connect ?? 0) > 2 ** 32);
  });

  it("--check says what is wrong, and what to do: exit 1", async () => {
    writeFileSync(at("short.key"), "no key\n");
    chmodSync(at("short.key"), 0o644);
    const wrong = { database: { url: "postgresql://127.0.0.1:1/motekey" }, sealKeyFiles: ["short.key"] };
    writeFileSync(at("wrong.json"), JSON.stringify(wrong));
    const said = await run("cloud serve --settings wrong.json --check");
    assert.equal(said.exit, 1);
    assert.match(said.stdout, /warning: Others may read .*short\.key\. Run chmod 600/);
    assert.match(said.stdout, /problem: .*short\.key holds no key/);
    writeFileSync(at("short.key"), newSealKey());
    const away = await run("cloud serve --settings wrong.json --check --json");
    assert.equal(away.exit, 1);
    assert.match(JSON.parse(away.stdout).findings[1].problem, /ECONNREFUSED/);
    good(await run("cloud serve --folder state --check"));
  });

  it("a setting that cannot be is told with what is allowed: exit 2", async () => {
    writeFileSync(at("misspelt.json"), JSON.stringify({ mqttport: 1883 }));
    const { exit, stderr } = await run("cloud serve --settings misspelt.json");
    assert.equal(exit, 2);
    assert.match(stderr, /mqttport is no option; there are mqttPort/);
    const number = await run("cloud serve", { env: { MOTEKEY_SERVICE_DRAIN_LIMIT_MS: "soon" } });
    assert.match(number.stderr, /MOTEKEY_SERVICE_DRAIN_LIMIT_MS must be a whole number/);
  });

  it("the schema of the settings has every option, and docs/service.schema.json is it", () => {
    const options = Object.keys(SERVICE_OPTIONS).filter((name) => name !== "log" && name !== "restored");
    assert.deepEqual(
      Object.keys(CONFIG_SCHEMA.properties)
        .filter((name) => name !== "$schema")
        .sort(),
      options.sort(),
    );
    for (const [name, { shape }] of Object.entries(SERVICE_OPTIONS)) {
      if (shape === undefined) continue;
      const { properties } =
        (CONFIG_SCHEMA.properties as Record<string, { properties?: object }>)[name] ?? {};
      assert.deepEqual(Object.keys(properties ?? {}).sort(), Object.keys(shape).sort(), name);
    }
    const file = new URL("../../docs/service.schema.json", import.meta.url);
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), CONFIG_SCHEMA);
  });
});
