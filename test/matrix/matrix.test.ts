/** Every road, every link, every proof: what the protocol's documents say of each cell is what comes of it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startCloud } from "../../host-sim/cloud/index.js";
import {
  type Cell,
  LINKS,
  type LinkName,
  MODES,
  type Mode,
  ROADS,
  type RoadName,
  runCell,
  runMatrix,
} from "./cells.js";
import { tableOf, withTable } from "./table.js";

const README = fileURLToPath(new URL("../../README.md", import.meta.url));

/** Links that verify the cloud, and links that prove the device as well. */
const VERIFIED: readonly LinkName[] = ["TLS", "mTLS", "TLS-PSK"];
const PROVED: readonly LinkName[] = ["mTLS", "TLS-PSK"];

/** When each proof may be used, as the protocol's table of modes says it; all else is refused with the status. */
const WHEN: Readonly<
  Record<Mode, { may: (road: RoadName, link: LinkName) => boolean; else: Cell["status"] }>
> = {
  link: { may: (_road, link) => PROVED.includes(link), else: "LINK_UNPROVED" },
  password: { may: (_road, link) => VERIFIED.includes(link), else: "PROOF_EXPOSED" },
  key: { may: (_road, link) => VERIFIED.includes(link), else: "PROOF_EXPOSED" },
  digest: { may: () => true, else: "OK" },
  counter: { may: () => true, else: "OK" },
  mac: { may: () => true, else: "OK" },
  auth5: { may: (road) => road === "MQTT 5", else: "PROOF_UNFIT" },
};

const nameOf = ({ transport, link, proof }: Cell): string => `${transport}, ${link}, ${proof}`;

describe("the matrix of roads, links and proofs", () => {
  let cells: Cell[];

  before(async () => {
    cells = await runMatrix();
  });

  it("has each cell once", () => {
    const count = Object.keys(ROADS).length * Object.keys(LINKS).length * MODES.length;
    assert.equal(new Set(cells.map(nameOf)).size, count);
    assert.equal(cells.length, count);
  });

  for (const road of Object.keys(ROADS) as RoadName[]) {
    for (const link of Object.keys(LINKS) as LinkName[]) {
      const ends = (mode: Mode): string =>
        WHEN[mode].may(road, link) ? "passes: OK" : `refused: ${WHEN[mode].else}`;
      it(`${road} over ${link}: each proof passes, or is refused with the policy's status`, () => {
        const found = cells.filter((cell) => cell.transport === road && cell.link === link);
        assert.deepEqual(
          Object.fromEntries(found.map(({ proof, outcome, status }) => [proof, `${outcome}: ${status}`])),
          Object.fromEntries(MODES.map((mode) => [mode, ends(mode)])),
        );
      });
    }
  }

  it("a cell fails where the cloud saw another proof, another version, or none", async () => {
    const trusting = await startCloud({ tls: { psk: true } });
    const silent = await startCloud({ extensions: false, faults: { error: { code: 403, when: true } } });
    const old = await startCloud({ mqttVersion: 4 });
    try {
      const fallen = await runCell(old, "mqtt5", "plain", "counter");
      assert.deepEqual(fallen, { outcome: "fails", status: "OK" }, "it fell back to 3.1.1");
      const ended = await runCell(trusting, "mqtt", "TLS-PSK", "digest");
      assert.deepEqual(ended, { outcome: "fails", status: "OK" }, "nobody asked for the digest");
      const refused = await runCell(silent, "mqtt", "plain", "counter");
      assert.deepEqual(refused, { outcome: "fails", status: "FORBIDDEN" });
    } finally {
      await trusting.close();
      await silent.close();
      await old.close();
    }
  });

  it("MQTT 5 in a WebSocket has auth5 too", async () => {
    const cloud = await startCloud();
    try {
      assert.deepEqual(await runCell(cloud, "mqtt5+ws", "plain", "auth5"), {
        outcome: "passes",
        status: "OK",
      });
    } finally {
      await cloud.close();
    }
  });

  it("is the README's table", () => {
    const text = readFileSync(README, "utf8");
    assert.equal(text, withTable(text, tableOf(cells)), "run npm run matrix -- --update");
  });

  it("has no place in a text without markers", () => {
    assert.throws(() => withTable("# motekey", ""), /markers are missing/);
  });
});
