import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { bundleEspruino } from "../../build/espruino.mjs";
import { type Proof, Status } from "../../firmware/index.js";
import { type Cloud, type CloudEvent, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { PLAIN_PROOFS } from "../proofs.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { freePort } from "../servers/process.js";
import { ACCEPTED, REFUSALS } from "../wire/json-cases.js";
import { Espruino, findEspruino } from "./espruino.js";
import * as node from "./suite.js";

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HOST = "app.example.com";
const WINDOW_BYTES = [1, 7, 4096];
const JSON_TEXTS = [...ACCEPTED, ...REFUSALS.flatMap((refusal) => refusal.texts)].map((text) =>
  (typeof text === "string" ? Buffer.from(text) : Buffer.from(text)).toString("hex"),
);

/** The engine suite as modules of Espruino; quoted names are not shortened. */
const CASES = `
  import { cases } from "./test/engines/suite.js";
  exports["run"] = (index) => cases[index].run();`;
const JSON_READER = `
  import { readJson } from "./test/engines/suite.js";
  exports["readJson"] = readJson;`;

describe("Espruino", function () {
  this.timeout(120_000);
  let program: string;
  let espruino: Espruino | undefined;
  before(function () {
    program = findEspruino(this);
  });
  afterEach(async () => {
    await espruino?.close();
    espruino = undefined;
  });

  describe("does the same as Node, with shortened names and its native parts", () => {
    let cases: string;
    let reader: string;
    before(async () => {
      cases = await bundleEspruino({ entry: CASES });
      reader = await bundleEspruino({ entry: JSON_READER });
    });

    node.cases.forEach(({ name, run }, index) => {
      it(name, async function () {
        const script = `
          toStorage("cases");
          tell("" + "é".length);
          tell(require("cases").run(${index}));
          quit();`;
        espruino = await Espruino.start(program, script, { cases });
        // Strings of bytes hold UTF-8, and the app hands text beyond ASCII over as bytes.
        const hasUnicode = (await espruino.next()) === "1";
        if (!hasUnicode && /^(JSON text|CBOR items)/.test(name)) this.skip();
        assert.equal(await espruino.next(), run());
      });
    });

    for (const size of WINDOW_BYTES) {
      it(`${JSON_TEXTS.length} JSON texts, right and wrong, in windows of ${size} bytes`, async () => {
        const script = `
          Modules.addCached("reader", require("fs").readFileSync("reader"));
          var reader = require("reader");
          var texts = E.openFile("texts", "r"), line = "", piece;
          while ((piece = texts.read(256)) !== undefined) {
            line += piece;
            for (var end = line.indexOf("\\n"); end >= 0; end = line.indexOf("\\n")) {
              tell(reader.readJson(line.substr(0, end), ${size}));
              line = line.substr(end + 1);
            }
          }
          quit();`;
        const texts = JSON_TEXTS.map((hex) => `${hex}\n`).join("");
        espruino = await Espruino.start(program, script, { reader, texts });
        for (const hex of JSON_TEXTS) {
          assert.equal(await espruino.next(), node.readJson(hex, size), `JSON in hexadecimal: ${hex}`);
        }
      });
    }
  });

  describe("gets a token, the same from memory, and a new one", () => {
    let motekey: string;
    let cloud: Cloud;
    let events: CloudEvent[];
    before(async () => {
      motekey = await bundleEspruino();
    });
    afterEach(() => cloud?.close());

    async function getTokens(proof: Proof, port: number): Promise<void> {
      const script = `
        toStorage("motekey");
        var motekey = require("motekey");
        var credential = { psk: "${PSK}", counter: 1 };
        var auth = motekey.createAuth({
          deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${port} }, credential: credential,
          proof: "${proof}", allowInsecure: true }, motekey.espruinoPorts({ psk: credential.psk }));
        var app = auth.host("${HOST}");
        function told(status, token) {
          tell(status + " " + (token ? E.toString(new Uint8Array(token.bytes.buffer, 0, token.length)) : ""));
        }
        app.getToken(function(status, token) {
          told(status, token);
          app.getToken(function(status, token) {
            told(status, token);
            app.generateToken(function(status, token) {
              told(status, token);
              auth.close();
              tell("" + auth.state);
              setTimeout(quit, 10);
            });
          });
        });`;
      espruino = await Espruino.start(program, script, { motekey });
      const [first, cached, renewed] = [await espruino.next(), await espruino.next(), await espruino.next()];
      assert.equal(await espruino.next(), "0");
      assert.equal(cached, first);
      for (const told of [first, renewed]) {
        const [status, token = ""] = told.split(" ");
        assert.equal(Status[Number(status)], "OK");
        const check = cloud.checkToken(token, HOST);
        assert.ok(check.active && check.sub === ID);
      }
      const asked = events.filter((event) => event.event === "request" && /GenerateToken/.test(event.method));
      assert.equal(asked.length, 2);
    }

    async function startFor(options: CloudOptions): Promise<void> {
      events = [];
      cloud = await startCloud({ ...options, log: (event) => events.push(event) });
      await cloud.addDevice({ id: ID, psk: PSK });
    }

    for (const proof of PLAIN_PROOFS) {
      it(`from the embedded broker with the proof ${proof}`, async () => {
        await startFor({ requireFrameProof: /mac|key|digest/.test(proof) });
        await getTokens(proof, cloud.port);
      });
    }

    for (const proof of PLAIN_PROOFS.filter((name) => name.startsWith("password"))) {
      it(`from mosquitto with the proof ${proof}`, async function () {
        const broker = await startMosquitto(findMosquitto(this), [{ id: ID, password: PSK }]);
        try {
          await startFor({ broker: broker.cloudUrl, topicsBound: proof === "password" });
          await getTokens(proof, broker.port);
        } finally {
          await broker.close();
        }
      });
    }
  });

  describe("tells what keeps it from a token", () => {
    const ask = async (host: string, port: number): Promise<string> => {
      const script = `
        toStorage("motekey");
        var motekey = require("motekey"), credential = { psk: "${PSK}", counter: 1 };
        var auth = motekey.createAuth({
          deviceId: "${ID}", cloud: { host: "${host}", port: ${port} }, credential: credential
        }, motekey.espruinoPorts({ psk: credential.psk }));
        auth.onState = function() {
          var name = auth.explain().name;
          if (/UNREACHABLE|UNKNOWN|HUNG/.test(name)) tell(name);
        };`;
      espruino = await Espruino.start(program, script, { motekey: await bundleEspruino() });
      return espruino.next();
    };

    it("nobody listens there", async () => {
      const port = await freePort();
      assert.equal(await ask("127.0.0.1", port), "UNREACHABLE");
    });

    it("there is no such name", async () => {
      assert.equal(await ask("nowhere.invalid", 1883), "HOST_UNKNOWN");
    });

    it("the peer hangs up on what we say", async () => {
      const server = createServer((socket) => socket.once("data", () => socket.end()));
      await once(server.listen(0, "127.0.0.1"), "listening");
      try {
        const { port } = server.address() as AddressInfo;
        assert.equal(await ask("127.0.0.1", port), "HUNG_UP");
      } finally {
        server.close();
      }
    });
  });
});
