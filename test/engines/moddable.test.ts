import assert from "node:assert/strict";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { bundleModdable } from "../../build/moddable.mjs";
import { type AuthOptions, type Proof, State, Status } from "../../firmware/index.js";
import { type Cloud, type CloudEvent, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { PLAIN_PROOFS } from "../proofs.js";
import { findMosquitto, type Mosquitto, startMosquitto } from "../servers/mosquitto.js";
import { ACCEPTED, REFUSALS } from "../wire/json-cases.js";
import { buildApp, findModdable, type ModdableApp, playApp } from "./moddable.js";
import { NATIVE } from "./native.mjs";
import * as node from "./suite.js";

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HOST = "app.example.com";
const WINDOW_BYTES = [1, 7, 4096];
const JSON_TEXTS = [...ACCEPTED, ...REFUSALS.flatMap((refusal) => refusal.texts)].map((text) =>
  (typeof text === "string" ? Buffer.from(text) : Buffer.from(text)).toString("hex"),
);

const MAIN = fileURLToPath(new URL("moddable/main.ts", import.meta.url));
const manifestWith = (modules: readonly string[]) => ({
  include: [
    "$(MODDABLE)/examples/manifest_base.json",
    "$(MODDABLE)/modules/io/manifest.json",
    "$(MODDABLE)/modules/network/net/manifest.json",
  ],
  modules: { "*": ["./main", ...modules] },
  // All is one module here that isn't preloaded: each of its variables has a place on the stack while it is made.
  creation: { stack: 4096 },
});

for (const isNative of [false, true])
  describe(isNative ? "Moddable, with C in the place of TypeScript" : "Moddable", function () {
    this.timeout(300_000);
    let sdk: string;
    let library: string;
    let app: ModdableApp;

    before(async function () {
      sdk = findModdable(this);
      const modules = { "main.js": await bundleModdable(MAIN, isNative) };
      const manifest = manifestWith(isNative ? [NATIVE.replace(/\.c$/, "")] : []);
      library = await buildApp(sdk, { name: isNative ? "suite-native" : "suite", manifest, modules });
    });
    beforeEach(async () => {
      app = await playApp(sdk, library);
    });
    afterEach(() => app?.close());

    describe("does the same as Node", () => {
      node.cases.forEach(({ name, run }, index) => {
        it(name, async () => assert.equal(await app.ask({ do: "case", index }), run()));
      });

      for (const size of WINDOW_BYTES) {
        it(`${JSON_TEXTS.length} JSON texts, right and wrong, in windows of ${size} bytes`, async () => {
          for (const hex of JSON_TEXTS) {
            const read = await app.ask({ do: "json", hex, size });
            assert.equal(read, node.readJson(hex, size), `JSON in hexadecimal: ${hex}`);
          }
        });
      }
    });

    describe("gets a token over its own TCP, the same from memory, and a new one", () => {
      let cloud: Cloud;
      let events: CloudEvent[];
      afterEach(() => cloud?.close());

      async function startFor(options: CloudOptions): Promise<void> {
        events = [];
        cloud = await startCloud({ ...options, log: (event) => events.push(event) });
        await cloud.addDevice({ id: ID, psk: PSK });
      }

      async function getTokens(proof: Proof, port: number, host = "127.0.0.1"): Promise<void> {
        const options: AuthOptions = {
          deviceId: ID,
          cloud: { host, port },
          credential: { psk: PSK, counter: 1 },
          proof,
          allowInsecure: true,
        };
        await app.ask({ do: "start", options, host: HOST });
        const first = await token("get");
        assert.equal(await token("get"), first);
        const renewed = await token("generate");
        assert.notEqual(renewed, first);
        for (const text of [first, renewed]) {
          const check = cloud.checkToken(text, HOST);
          assert.ok(check.active && check.sub === ID);
        }
        const asked = events.filter(
          (event) => event.event === "request" && /GenerateToken/.test(event.method),
        );
        assert.equal(asked.length, 2);
      }

      async function token(command: "get" | "generate"): Promise<string> {
        const told = (await app.ask({ do: command })) as { status: number; token: string };
        assert.equal(Status[told.status], "OK");
        return told.token;
      }

      for (const proof of PLAIN_PROOFS) {
        it(`from the embedded broker with the proof ${proof}`, async () => {
          await startFor({ requireFrameProof: /mac|key|digest/.test(proof) });
          await getTokens(proof, cloud.port);
        });
      }

      it("from a broker that is given by name", async () => {
        await startFor({ host: "0.0.0.0" });
        await getTokens("counter+mac", cloud.port, hostname()); // "localhost" is ::1 first, which the SDK refuses
      });

      it("not from a broker whose name nobody knows", async () => {
        const cloud = { host: "nowhere.invalid", port: 1883 };
        const options: AuthOptions = { deviceId: ID, cloud, credential: { psk: PSK } };
        await app.ask({ do: "start", options, host: HOST });
        assert.deepEqual(await app.ask({ do: "get" }), { status: Status.HOST_UNKNOWN, token: "" });
      });

      it("and a list of 2,000 hosts, in pieces of what its socket holds", async () => {
        await startFor({ faults: { listTokenHosts: 2_000 } });
        await getTokens("counter+mac", cloud.port);
        const names = [HOST, ...Array.from({ length: 2_000 }, (_, i) => `app-${i}.example.com`)];
        const sum = Buffer.from(names.join("")).reduce(
          (before, byte) => (before * 31 + byte) % 4_294_967_291,
          0,
        );
        assert.deepEqual(await app.ask({ do: "list" }), { status: Status.OK, hosts: names.length, sum });
      });

      it("again after its connection was cut", async () => {
        await startFor({});
        await getTokens("counter+mac", cloud.port);
        cloud.kick(ID);
        await token("generate");
        assert.equal(events.filter(({ event }) => event === "connected").length, 2);
      });

      it("and after close() the broker sees it leave", async () => {
        await startFor({});
        await getTokens("counter+mac", cloud.port);
        const gone = new Promise<void>((resolve) =>
          cloud.on(({ event }) => {
            if (event === "disconnected") resolve();
          }),
        );
        assert.equal(await app.ask({ do: "close" }), State.CLOSED);
        await gone;
      });

      describe("from mosquitto, the cloud attached to it", () => {
        let broker: Mosquitto;
        before(async function () {
          broker = await startMosquitto(findMosquitto(this), [{ id: ID, password: PSK }]);
        });
        after(() => broker?.close());

        // A broker that knows passwords only checks no counters, and lets nobody in without a password.
        for (const proof of PLAIN_PROOFS.filter((name) => name.startsWith("password"))) {
          it(`with the proof ${proof}`, async () => {
            await startFor({ broker: broker.cloudUrl, topicsBound: proof === "password" });
            await getTokens(proof, broker.port);
          });
        }
      });
    });
  });
