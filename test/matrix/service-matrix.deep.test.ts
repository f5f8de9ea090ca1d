/** The matrix and the fleet against the service, on both of its databases. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { CertificateAuthority } from "../../host-sim/cloud/certificates.js";
import { runFleet } from "../../host-sim/fleet/index.js";
import { type DatabaseOptions, type ServiceOptions, startService } from "../../host-sim/service/index.js";
import { Postgres } from "../servers/postgres.js";
import { FREE, newFolder, newKeyFile } from "../service/places.js";
import {
  type AnyMode,
  type Cell,
  LEAN_ROAD,
  type LinkName,
  MODES,
  PAIRS,
  ROADS,
  runCells,
  type StartMatrixCloud,
  startMock,
} from "./cells.js";

const ALL: readonly AnyMode[] = [...MODES, ...PAIRS];
/** Without TLS-PSK, which the service does not serve. */
const SERVED: readonly LinkName[] = ["plain", "TLS", "mTLS"];
const DEVICES = 200;

/** Starts a service on this database, over these links. */
function starter(database: DatabaseOptions, more: ServiceOptions = {}): StartMatrixCloud {
  return async (link, requireFrameProof) => {
    const authority = await CertificateAuthority.create("motekey test CA");
    const folder = newFolder();
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const { cert, key } = await authority.issue({ name: "service", hosts: ["127.0.0.1"] });
    const tls = {
      certFile: file("server.crt", cert),
      keyFile: file("server.key", key),
      ...(link === "mTLS" && {
        clientCertificates: "required" as const,
        caFile: file("ca.crt", authority.cert),
      }),
    };
    const service = await startService({
      ...{ database, requireFrameProof, ...FREE, ...more },
      ...(link !== "plain" && { tls }),
    });
    return {
      mqttUrl: service.mqttUrl,
      wsUrl: service.wsUrl,
      rpcUrl: service.rpcUrl,
      ...(link !== "plain" && { ca: authority.cert }),
      addDevice: (device) => service.addDevice(device),
      issueCertificate: (id) => authority.issue({ name: id }),
      on: (listener) => service.on(listener),
      checkToken: (token, host) => service.checkToken(token, host),
      close: async () => {
        await service.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  };
}

/** Who only names an id is nobody at the service: such a proof stands in frames, and the link proves nobody either. */
const PROVES_NO_CONNECTION: readonly AnyMode[] = ["key", "digest", "mac"];

/** What comes of each cell, by its name. */
function outcomesOf(cells: readonly Cell<AnyMode>[]): Record<string, string> {
  const outcomes = cells.map(({ transport, link, proof, outcome, status }): [string, string] => [
    `${transport}, ${link}, ${proof}`,
    `${outcome}: ${status}`,
  ]);
  return Object.fromEntries(outcomes);
}

/** What the mock makes of a cell, as the service should. */
function atTheService(cell: Cell<AnyMode>): Cell<AnyMode> {
  const isNobody = PROVES_NO_CONNECTION.includes(cell.proof) && cell.link !== "mTLS";
  return isNobody && cell.outcome === "passes"
    ? { ...cell, outcome: "fails", status: "BAD_CREDENTIALS" }
    : cell;
}

describe("the matrix at the service", function () {
  this.timeout(600_000);
  const folder = newFolder();
  after(() => rm(folder, { recursive: true, force: true }));

  it("is the mock cloud's, cell by cell; but nobody connects there who proves himself in frames alone", async () => {
    const choice = { links: SERVED, modes: ALL };
    const cells = await runCells({ start: starter({ folder }), ...choice });
    const mock = await runCells({ start: startMock, ...choice });
    assert.deepEqual(outcomesOf(cells), outcomesOf(mock.map(atTheService)));
    // Neither is empty, nor refused as a whole.
    assert.ok(cells.filter(({ outcome }) => outcome === "passes").length > 80);
  });

  it("is the same on PostgreSQL, for the proof that devices have by default", async function () {
    const postgres = await Postgres.start(this);
    try {
      const start = starter({ url: postgres.url }, { sealKeyFiles: [newKeyFile()] });
      const cells = await runCells({ start, links: ["plain", "mTLS"], modes: ["counter+mac", "link+mac"] });
      const unproved = cells.filter(({ outcome }) => outcome !== "passes");
      assert.deepEqual(outcomesOf(unproved), {
        ...Object.fromEntries(
          [...Object.keys(ROADS), LEAN_ROAD].map((road) => [
            `${road}, plain, link+mac`,
            "refused: LINK_UNPROVED",
          ]),
        ),
        [`${LEAN_ROAD}, mTLS, link+mac`]: "refused: LINK_UNPROVED",
      });
      assert.equal(cells.length, 20);
    } finally {
      await postgres.close();
    }
  });
});

describe("a fleet at the service", function () {
  this.timeout(600_000);
  const folder = newFolder();
  after(() => rm(folder, { recursive: true, force: true }));

  /** All devices get their tokens, and each token is one that the service takes. */
  async function runAt(options: ServiceOptions): Promise<void> {
    const service = await startService({ ...FREE, ...options, limits: { addressPerSecond: 0 } });
    try {
      const ids = Array.from({ length: DEVICES }, (_, at) => `device_${at}`);
      const credentials = await Promise.all(ids.map((id) => service.addDevice({ id })));
      const report = await runFleet({
        devices: DEVICES,
        url: service.mqttUrl,
        credential: (at) => credentials[at] as { id: string; psk: string },
      });
      assert.deepEqual([report.arrived, report.tokens, report.failures], [DEVICES, DEVICES, {}]);
      assert.equal(service.stats.tokens, DEVICES);
    } finally {
      await service.close();
    }
  }

  it(`of ${DEVICES} devices has a token each, on the embedded database`, () =>
    runAt({ database: { folder } }));

  it(`of ${DEVICES} devices has a token each, on PostgreSQL`, async function () {
    const postgres = await Postgres.start(this);
    try {
      await runAt({ database: { url: postgres.url }, sealKeyFiles: [newKeyFile()] });
    } finally {
      await postgres.close();
    }
  });
});
