/** TLS from the service to what it needs: each broker and PostgreSQL, with a CA file, a certificate of its own, and what is refused. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CertificateAuthority, type KeyPair } from "../../host-sim/cloud/certificates.js";
import { Events } from "../../host-sim/cloud/events.js";
import { Health } from "../../host-sim/cloud/health.js";
import type { BrokerLine } from "../../host-sim/service/broker/line.js";
import { openLine } from "../../host-sim/service/broker/open.js";
import { checkService, type ServiceBroker } from "../../host-sim/service/index.js";
import { PostgresEngine } from "../../host-sim/service/store/postgres.js";
import { findMosquitto, startSampleMosquitto } from "../servers/mosquitto.js";
import { findNats, startTlsNats } from "../servers/nats.js";
import { Postgres } from "../servers/postgres.js";
import { freePort } from "../servers/process.js";
import { findRabbitmq, startServiceRabbitmq } from "../servers/rabbitmq.js";
import { newFolder, newKeyFile } from "./places.js";

const START_LIMIT_MS = 120_000;

function fileOf(text: string): string {
  const file = join(newFolder(), "file");
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** Who issued what, as files. */
interface Papers {
  authority: CertificateAuthority;
  /** The servers', for 127.0.0.1 alone: by the name `localhost` they are another host. */
  server: KeyPair;
  caFile: string;
  /** Of an authority that issued none of it. */
  otherCaFile: string;
  /** The service's own, with the common name `cloud`. */
  own: { certFile: string; keyFile: string };
  /** The same, by the other authority. */
  foreign: { certFile: string; keyFile: string };
}

async function newPapers(): Promise<Papers> {
  const authority = await CertificateAuthority.create("the site's CA");
  const other = await CertificateAuthority.create("another CA");
  const files = ({ cert, key }: KeyPair) => ({ certFile: fileOf(cert), keyFile: fileOf(key) });
  return {
    authority,
    server: await authority.issue({ name: "server", hosts: ["127.0.0.1"] }),
    caFile: fileOf(authority.cert),
    otherCaFile: fileOf(other.cert),
    own: files(await authority.issue({ name: "cloud" })),
    foreign: files(await other.issue({ name: "cloud" })),
  };
}

/** A broker that speaks TLS. */
interface Secured {
  /** On 127.0.0.1. */
  url: string;
  passwordFile?: string;
  close(): Promise<void>;
}

const BROKERS: Readonly<Record<string, (context: Mocha.Context, papers: Papers) => Promise<Secured>>> = {
  "NATS (tls:)": async (context, { server, caFile }) => {
    const nats = await startTlsNats(findNats(context), server, caFile);
    return { url: nats.nativeUrl, close: () => nats.close() };
  },
  "mosquitto (mqtts:)": async (context, { authority, server }) => {
    const [ca, crl] = [authority.cert, await authority.crl()];
    const broker = await startSampleMosquitto(findMosquitto(context), "certificates", { server, ca, crl });
    return { url: broker.url.replace("//", "//cloud@"), close: () => broker.close() };
  },
  "RabbitMQ (amqps:)": async (context, { authority, server }) => {
    const password = randomBytes(24).toString("base64url");
    const hooked = { server, ca: authority.cert, httpPort: await freePort(), secret: password };
    const rabbitmq = await startServiceRabbitmq(findRabbitmq(context), hooked, password);
    const passwordFile = fileOf(password);
    return { url: rabbitmq.amqpsUrl, passwordFile, close: () => rabbitmq.close() };
  },
};

/** Who logs in by a password shows no certificate. */
const WITHOUT_OWN = "RabbitMQ (amqps:)";

for (const [name, start] of Object.entries(BROKERS)) {
  const wantsOwn = name !== WITHOUT_OWN;
  describe(`the service and ${name}`, function () {
    this.timeout(START_LIMIT_MS);
    let papers: Papers;
    let broker: Secured;

    before(async function () {
      papers = await newPapers();
      broker = await start(this, papers);
    });
    after(() => broker?.close());

    /** Attaches, and lets go. */
    async function attach(options: Partial<ServiceBroker>): Promise<BrokerLine["url"]> {
      const events = new Events();
      const receiver = { receive: async () => {} };
      const { url, passwordFile } = broker;
      const all = { url, ...(passwordFile !== undefined && { passwordFile }), topicsBound: true, ...options };
      const line = await openLine(all, {
        isHooked: false,
        receiver,
        events,
        health: new Health(events.stats),
      });
      await line.close();
      return line.url;
    }
    const own = (): Partial<ServiceBroker> => (wantsOwn ? papers.own : {});

    it("attaches where the CA file has issued the broker's certificate", async () => {
      assert.match(await attach({ caFile: papers.caFile, ...own() }), /^(tls|mqtts|amqps):/);
    });

    it("refuses a broker whose certificate another CA has issued, or that no CA file is given for", async () => {
      for (const caFile of [{ caFile: papers.otherCaFile }, {}])
        await assert.rejects(attach({ ...caFile, ...own() }), (failure: Error) => {
          assert.match(failure.message, /^Cannot connect to the broker (tls|mqtts|amqps):\S+: /);
          assert.match(failure.message, /TLS handshake fails \(\w+\); check the CA file/);
          return true;
        });
    });

    it("refuses a broker whose certificate names another host", async () => {
      const url = broker.url.replace("127.0.0.1", "localhost");
      await assert.rejects(
        attach({ url, caFile: papers.caFile, ...own() }),
        /its certificate names another host/,
      );
    });

    if (wantsOwn)
      it("says so where the broker refuses the certificate that it is shown", async () => {
        const attaching = attach({ caFile: papers.caFile, ...papers.foreign });
        await assert.rejects(attaching, /^Error: Cannot connect to the broker \S+: .*certificate/);
      });

    it("says so where nothing speaks TLS", async () => {
      const { createServer } = await import("node:net");
      const server = createServer((socket) => socket.on("error", () => {}).end("HELLO there\r\n"));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      try {
        const url = broker.url.replace(/:\d+$/, `:${port}`);
        await assert.rejects(attach({ url, caFile: papers.caFile, ...own() }), (failure: Error) => {
          assert.match(
            failure.message,
            /^Cannot connect to the broker \S+: (it speaks no TLS|it closes the connection|the TLS handshake fails)/,
          );
          return true;
        });
      } finally {
        server.close();
      }
    });
  });
}

describe("the service and PostgreSQL over TLS", function () {
  this.timeout(START_LIMIT_MS);
  let papers: Papers;
  let postgres: Postgres;

  before(async function () {
    papers = await newPapers();
    postgres = await Postgres.start(this, [], { server: papers.server, ca: papers.authority.cert });
  });
  after(() => postgres?.close());

  const urlOf = (query: Record<string, string>, host = "127.0.0.1"): string =>
    `${postgres.url.replace("127.0.0.1", host)}?${new URLSearchParams(query)}`;
  async function ask(url: string): Promise<unknown> {
    const engine = await PostgresEngine.open({ url });
    try {
      return (await engine.query("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))[0];
    } finally {
      await engine.close();
    }
  }
  const mode = { sslmode: "verify-full" };

  it("connects with sslmode=verify-full and the CA file, and with a certificate of its own", async () => {
    assert.deepEqual(await ask(urlOf({ ...mode, sslrootcert: papers.caFile })), {
      ssl: true,
      client_dn: null,
    });
    const { certFile: sslcert, keyFile: sslkey } = papers.own;
    assert.deepEqual(await ask(urlOf({ ...mode, sslrootcert: papers.caFile, sslcert, sslkey })), {
      ssl: true,
      client_dn: "/CN=cloud",
    });
  });

  it("refuses a server of another CA, and one whose certificate names another host; --check says it", async () => {
    const problem = async (url: string) => {
      const found = await checkService({ database: { url }, sealKeyFiles: [newKeyFile()] });
      return found.map((finding) => finding.problem).join();
    };
    const stranger = urlOf({ ...mode, sslrootcert: papers.otherCaFile });
    await assert.rejects(ask(stranger), /unable to (verify|get)|self.signed/);
    assert.match(await problem(stranger), /TLS/);
    const misnamed = urlOf({ ...mode, sslrootcert: papers.caFile }, "localhost");
    await assert.rejects(ask(misnamed), /localhost.*cert|altname/i);
    assert.match(await problem(misnamed), /names another host/);
  });
});
