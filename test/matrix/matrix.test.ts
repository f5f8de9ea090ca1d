/** Every road, every link, every proof: what the protocol's documents say of each cell is what comes of it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startCloud } from "../../host-sim/cloud/index.js";
import {
  type Cell,
  LEAN_LINKS,
  LEAN_ROAD,
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

const PAGE = fileURLToPath(new URL("../../docs/proofs.md", import.meta.url));

/** Links that verify the cloud, and links that prove the device as well. */
const VERIFIED: readonly LinkName[] = ["TLS", "mTLS", "TLS-PSK"];
const PROVED: readonly LinkName[] = ["mTLS", "TLS-PSK"];

/** What Espruino's core says: no link of its engine proves who is there, with TLS or without, and it has no digest. */
const LEAN_VERDICTS: Readonly<Record<Mode, Cell["status"]>> = {
  link: "LINK_UNPROVED",
  password: "PROOF_EXPOSED",
  key: "PROOF_EXPOSED",
  digest: "PROOF_UNFIT",
  counter: "FRAMES_UNPROVED",
  mac: "OK",
  auth5: "PROOF_UNFIT",
};

type Verdict = (road: RoadName, link: LinkName) => Cell["status"];

/** A proof that is refused with this status on all links but these. */
const only =
  (links: readonly LinkName[], status: Cell["status"]): Verdict =>
  (_road, link) =>
    links.includes(link) ? "OK" : status;

/** What comes of each proof, as the protocol's table of modes and SECURITY.md say it. */
const VERDICTS: Readonly<Record<Mode, Verdict>> = {
  link: only(PROVED, "LINK_UNPROVED"),
  password: only(VERIFIED, "PROOF_EXPOSED"),
  key: only(VERIFIED, "PROOF_EXPOSED"),
  digest: () => "OK",
  counter: only(VERIFIED, "FRAMES_UNPROVED"),
  mac: () => "OK",
  auth5: (road, link) => (road === "MQTT 5" ? only(VERIFIED, "FRAMES_UNPROVED")(road, link) : "PROOF_UNFIT"),
};

const nameOf = ({ transport, link, proof }: Cell): string => `${transport}, ${link}, ${proof}`;

describe("the matrix of roads, links and proofs", () => {
  let cells: Cell[];

  before(async () => {
    cells = await runMatrix();
  });

  it("has each cell once", () => {
    const count = (Object.keys(ROADS).length * Object.keys(LINKS).length + LEAN_LINKS.length) * MODES.length;
    assert.equal(new Set(cells.map(nameOf)).size, count);
    assert.equal(cells.length, count);
  });

  for (const road of Object.keys(ROADS) as RoadName[]) {
    for (const link of Object.keys(LINKS) as LinkName[]) {
      const ends = (mode: Mode): string => {
        const status = VERDICTS[mode](road, link);
        return status === "OK" ? "passes: OK" : `refused: ${status}`;
      };
      it(`${road} over ${link}: each proof passes, or is refused with the policy's status`, () => {
        const found = cells.filter((cell) => cell.transport === road && cell.link === link);
        assert.deepEqual(
          Object.fromEntries(found.map(({ proof, outcome, status }) => [proof, `${outcome}: ${status}`])),
          Object.fromEntries(MODES.map((mode) => [mode, ends(mode)])),
        );
      });
    }
  }

  for (const link of LEAN_LINKS) {
    it(`${LEAN_ROAD} over ${link}: each proof passes, or is refused with its policy's status`, () => {
      const found = cells.filter((cell) => cell.transport === LEAN_ROAD && cell.link === link);
      assert.deepEqual(Object.fromEntries(found.map(({ proof, status }) => [proof, status])), LEAN_VERDICTS);
      for (const { proof, outcome } of found)
        assert.equal(outcome, LEAN_VERDICTS[proof] === "OK" ? "passes" : "refused");
    });
  }

  it("a cell fails where the cloud saw another proof, another version, or none", async () => {
    const trusting = await startCloud({ tls: { psk: true } });
    const silent = await startCloud({ extensions: false, faults: { error: { code: 403, when: true } } });
    const old = await startCloud({ mqttVersion: 4 });
    try {
      const fallen = await runCell(old, "mqtt5", "plain", "mac");
      assert.deepEqual(fallen, { outcome: "fails", status: "OK" }, "it fell back to 3.1.1");
      const ended = await runCell(trusting, "mqtt", "TLS-PSK", "digest");
      assert.deepEqual(ended, { outcome: "fails", status: "OK" }, "nobody asked for the digest");
      const refused = await runCell(silent, "mqtt", "plain", "digest");
      assert.deepEqual(refused, { outcome: "fails", status: "FORBIDDEN" });
    } finally {
      await trusting.close();
      await silent.close();
      await old.close();
    }
  });

  it("MQTT 5 in a WebSocket has auth5 too", async () => {
    const cloud = await startCloud({ tls: true, requireFrameProof: false });
    try {
      assert.deepEqual(await runCell(cloud, "mqtt5+ws", "TLS", "auth5"), {
        outcome: "passes",
        status: "OK",
      });
    } finally {
      await cloud.close();
    }
  });

  it("is the table of docs/proofs.md", () => {
    const text = readFileSync(PAGE, "utf8");
    assert.equal(text, withTable(text, tableOf(cells)), "run npm run matrix -- --update");
  });

  it("has no place in a text without markers", () => {
    assert.throws(() => withTable("# motekey", ""), /markers are missing/);
  });
});
