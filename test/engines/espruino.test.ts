/** Espruino's core on the real engine: frames as in Node, tokens by each proof, and why there is none. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { bundleLean } from "../../build/lean.mjs";
import { type Proof, Status } from "../../firmware/index.js";
import { type Cloud, type CloudEvent, type CloudOptions, startCloud } from "../../host-sim/cloud/index.js";
import { runEspruino } from "../../host-sim/espruino/natives.js";
import { nodeNatives } from "../espruino/device.js";
import { verdictSource } from "../espruino/verdict.js";
import { LEAN_PROOFS } from "../proofs.js";
import { findMosquitto, startMosquitto } from "../servers/mosquitto.js";
import { freePort } from "../servers/process.js";
import { ACCEPTED, REFUSALS } from "../wire/json-cases.js";
import { Espruino, findEspruino } from "./espruino.js";

const ID = "device_123";
const PSK = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HOST = "app.example.com";

/** Texts, right and wrong, by themselves and where an answer has its parts. */
const CONTEXTS: readonly (readonly [string, string])[] = [
  ["", ""],
  ['{"v":2,"x":', "}"],
  ['{"v":2,"id":7,"result":{"token":', "}}"],
  ['{"v":2,"id":7,"result":[{"host":', "}]}"],
];
const TEXTS = [...ACCEPTED, ...REFUSALS.flatMap((refusal) => refusal.texts)].flatMap((text) =>
  CONTEXTS.map(([head, tail]) =>
    Buffer.concat([Buffer.from(head), Buffer.from(text as string), Buffer.from(tail)]),
  ),
);

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

  it(`${TEXTS.length} texts, right and wrong, are read as in Node`, async () => {
    const source = await verdictSource();
    const { told } = runEspruino<{ told: (text: string) => string }>(source, nodeNatives());
    const script = `
      Modules.addCached("reader", require("fs").readFileSync("reader"));
      var reader = require("reader");
      var texts = E.openFile("texts", "r"), line = "", piece;
      while ((piece = texts.read(256)) !== undefined) {
        line += piece;
        for (var end = line.indexOf("\\n"); end >= 0; end = line.indexOf("\\n")) {
          tell(reader.told(atob(line.substr(0, end))));
          line = line.substr(end + 1);
        }
      }
      quit();`;
    const texts = TEXTS.map((text) => `${text.toString("base64")}\n`).join("");
    espruino = await Espruino.start(program, script, { reader: source, texts });
    for (const text of TEXTS)
      assert.equal(await espruino.next(), told(text.toString("latin1")), JSON.stringify(`${text}`));
  });

  describe("gets a token, the same from memory, and a new one", () => {
    let motekey: string;
    let cloud: Cloud;
    let events: CloudEvent[];
    before(async () => {
      motekey = await bundleLean();
    });
    afterEach(() => cloud?.close());

    async function getTokens(proof: Proof, port: number): Promise<void> {
      const script = `
        toStorage("motekey");
        var motekey = require("motekey");
        var auth = motekey.createAuth({
          deviceId: "${ID}", cloud: { host: "127.0.0.1", port: ${port} },
          credential: { psk: "${PSK}", counter: 1 }, proof: "${proof}", allowInsecure: true });
        var app = auth.host("${HOST}");
        function told(status, token) { tell(status + " " + (token ? token.token : "")); }
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

    for (const proof of LEAN_PROOFS) {
      it(`from the embedded broker with the proof ${proof}`, async () => {
        await startFor({ requireFrameProof: /mac|key/.test(proof) });
        await getTokens(proof, cloud.port);
      });
    }

    for (const proof of LEAN_PROOFS.filter((name) => name.startsWith("password"))) {
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

  it("lists the hosts, revokes, and is told no where it may not ask", async () => {
    const cloud = await startCloud();
    try {
      await cloud.addDevice({ id: ID, psk: PSK });
      const script = `
        toStorage("motekey");
        var auth = require("motekey").createAuth({ deviceId: "${ID}",
          cloud: { host: "127.0.0.1", port: ${cloud.port} }, credential: { psk: "${PSK}" } });
        var app = auth.host("${HOST}");
        function listed(next) {
          auth.listTokens(function(status, hosts) { tell(status + " " + hosts.join()); next(); });
        }
        app.getToken(function() {
          listed(function() {
            app.revokeToken(function(status) {
              tell("" + status);
              listed(function() {
                auth.authenticate("user_1", { psk: "x" }, function(status) {
                  tell("" + status);
                  auth.authorizeCommand("user_1", "${ID}", "/v1/Off", function(status) { tell("" + status); });
                });
              });
            });
          });
        });`;
      espruino = await Espruino.start(program, script, { motekey: await bundleLean() });
      const told: string[] = [];
      for (let i = 0; i < 5; i++) told.push(await espruino.next());
      const { OK, FORBIDDEN } = Status;
      assert.deepEqual(told, [`${OK} ${HOST}`, `${OK}`, `${OK} `, `${FORBIDDEN}`, `${FORBIDDEN}`]);
    } finally {
      await cloud.close();
    }
  });

  describe("says what keeps it from a token", () => {
    const ask = async (host: string, port: number): Promise<string | undefined> => {
      const script = `
        toStorage("motekey");
        var auth = require("motekey").createAuth({ deviceId: "${ID}",
          cloud: { host: "${host}", port: ${port} }, credential: { psk: "${PSK}", counter: 1 } });
        auth.onState = function() {
          if (auth.explain().status !== 0) tell("" + auth.explain().status);
        };`;
      espruino = await Espruino.start(program, script, { motekey: await bundleLean() });
      return Status[Number(await espruino.next())];
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
