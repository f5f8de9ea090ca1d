/** What the servers behind our samples listen for beside MQTT, and who may speak that. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { KeyPair } from "../../host-sim/cloud/index.js";
import { listening } from "../servers/listening.js";
import { speakNats } from "../servers/nats-protocol.js";
import { makePki, type Pki } from "../servers/pki.js";
import type { SampleBroker } from "../servers/rabbitmq.js";
import { BROKERS, DEVICE, START_LIMIT_MS, THIEF } from "./sample-brokers.js";

/** An address of /proc/net/tcp, or tcp6, that is this machine's own. */
const LOOPBACK = /^(?:.{6}7F|0{24}01000000|0{16}FFFF0000.{6}7F):/;

for (const [name, { find, start }] of Object.entries(BROKERS)) {
  describe(`${name} with our sample: its ports`, () => {
    let pki: Pki;
    let thiefPair: KeyPair;
    let broker: SampleBroker;

    before(async function () {
      this.timeout(START_LIMIT_MS);
      const program = find(this);
      pki = await makePki(DEVICE);
      thiefPair = await pki.ca.issue({ name: THIEF });
      broker = await start(program, pki);
    });

    after(async function () {
      this.timeout(START_LIMIT_MS);
      await broker?.close();
    });

    it("listens where the sample says, and nowhere else", function () {
      const places = listening(broker.pid) ?? this.skip();
      const ports = places.map((place) => Number(place.split(":")[1]));
      assert.deepEqual([...new Set(ports)].sort(), [...broker.ports].sort());
      for (const port of broker.localPorts)
        for (const place of places.filter((one) => one.endsWith(`:${port}`))) assert.match(place, LOOPBACK);
    });

    if (name === "NATS") natsProtocol();

    function natsProtocol(): void {
      const reads = ["$SYS.>", "$MQTT.sub.>", "$JS.API.>", `${DEVICE}.rpc`];
      const attacks = [
        ...reads.map((subject, index) => `SUB ${subject} ${index}`),
        "PUB cloud.from.x.rpc 0\r\n",
      ];
      const refused = "-ERR 'Authorization Violation'";

      it("nobody logs in over NATS' own protocol by a name alone", async () => {
        for (const user of ["cloud", DEVICE, THIEF].flatMap((id) => [id, `CN=${id}`]))
          for (const login of [{ user }, { user, pass: "" }, { user, pass: "x" }, { auth_token: user }])
            assert.equal(await speakNats(broker.nativeUrl as string, login, attacks), refused, user);
        assert.equal(await speakNats(broker.nativeUrl as string, {}, attacks), refused);
      });

      it("a device's certificate does not speak NATS' own protocol over the WebSocket port", async () => {
        const { cert: ca } = pki.ca;
        const url = new URL("/", broker.webUrl).href;
        assert.equal(await speakNats(url, {}, attacks, { ca, ...thiefPair }), refused);
        assert.equal(await speakNats(url, { user: `CN=${DEVICE}` }, attacks, { ca, ...thiefPair }), refused);
        await assert.rejects(speakNats(url, { user: `CN=${DEVICE}` }, attacks, { ca }), { code: /ALERT/ });
      });
    }

    if (name === "RabbitMQ") {
      it("has Erlang's port mapper on this machine's own address only", async () => {
        const port = broker.mapperPort as number;
        const reaches = async (host: string): Promise<boolean> => {
          const socket = connectTcp({ host, port });
          const isThere = await once(socket, "connect").then(
            () => true,
            () => false,
          );
          socket.destroy();
          return isThere;
        };
        // What listens on all addresses is at 127.0.0.2 as well.
        assert.deepEqual([await reaches("127.0.0.1"), await reaches("127.0.0.2")], [true, false]);
      });

      it("listens with TLS only", () => {
        const listening = (broker.said ?? []).filter((line) => /listen(er on|ing for)/.test(line));
        assert.ok(listening.length >= 2, "MQTT and its WebSocket are told");
        assert.deepEqual(
          listening.filter((line) => !/TLS|HTTPS/.test(line)),
          [],
        );
      });
    }
  });
}
