/** `motekey device serve` in chromium, at a board whose boot loader is simulated. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { request } from "node:http";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { bundleToolsWhenChanged } from "../../build/tools.mjs";
import { createAuth, Status } from "../../firmware/index.js";
import { nodePorts } from "../../host-sim/index.js";
import { PartitionStore } from "../../tools/device/provision.js";
import { Partition } from "../../tools/nvs/partition.js";
import { numberOf } from "../../tools/nvs/value.js";
import { leastContrast } from "../identity/contrast.js";
import { findChromium, startChromium } from "../servers/chromium.js";
import { ANN } from "./acme.js";
import { type AtPort, fakeSerial } from "./bench/browser.js";
import { ExampleDevice, PeerPorts } from "./improv/device.js";
import { Line } from "./line.js";
import { appValues, type BoardOptions, benchBoard, NVS } from "./loader/bench-board.js";
import { type Board, FakePorts } from "./loader/board.js";
import type { Said } from "./world.js";

const INFO = { path: "/dev/ttyUSB0", usb: null };
const WIFI_PASSWORD = "correct horse battery";

describe("motekey device serve", function () {
  this.timeout(120_000);
  let browser: Browser;
  let line: Line;
  let stop: AbortController;
  let said: Promise<Said>;
  let url: string;
  let page: Page;
  let board: Board;
  let at: AtPort;
  let asked: string[];
  let complaints: string[];

  before(async function () {
    const chromium = findChromium(this);
    await bundleToolsWhenChanged();
    browser = await startChromium(chromium);
  });
  after(() => browser?.close());
  beforeEach(async () => {
    line = await Line.open();
    await serve();
    await openPage();
  });
  afterEach(async () => {
    await page?.context().close();
    stop?.abort();
    await said;
    await line.close();
  });

  async function serve(): Promise<void> {
    stop = new AbortController();
    let told: (text: string) => void = () => undefined;
    const address = new Promise<string>((resolve) => {
      told = (text) => {
        const found = /http:\/\/\S+/.exec(text)?.[0];
        if (found !== undefined) resolve(found);
      };
    });
    said = line.world.line("device serve --http-port 0", { interrupted: stop.signal, onStdout: told });
    url = await Promise.race([address, said.then(({ stderr }) => assert.fail(stderr))]);
  }

  async function openPage(options: BoardOptions = {}, how: BrowserContextOptions = {}): Promise<void> {
    await page?.context().close();
    page = await (await browser.newContext(how)).newPage();
    [asked, complaints] = [[], []];
    page.on("request", (one) => asked.push(`${new URL(one.url()).origin} ${one.postData() ?? ""}`));
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (failure) => complaints.push(failure.message));
    board = benchBoard(options);
    at = { ports: new FakePorts().add(INFO, board), info: INFO, isChosen: true, isTaken: false };
    await fakeSerial(page, at);
    await page.goto(url);
  }

  const flash = async (id: string): Promise<void> => {
    await page.getByLabel("Device id").fill(id);
    await page.getByRole("button", { name: "Choose the port and flash" }).click();
  };
  const flashed = () => page.getByRole("heading", { name: "Flashed" }).waitFor();
  const failure = async (): Promise<string> => {
    const alert = page.getByRole("alert");
    await alert.waitFor();
    return (await alert.textContent()) ?? "";
  };
  const stored = (): Partition => Partition.read(board.chip.partition(NVS.offset, NVS.size));
  const untouched = (): void => {
    assert.ok(board.chip.partition(NVS.offset, NVS.size).equals(appValues().toBytes()));
  };

  /** Boots the firmware from the board's flash. */
  async function boot(): Promise<Status> {
    const store = new PartitionStore(stored());
    const port = Number(new URL(line.cloud.mqttUrl).port);
    const auth = createAuth({ cloud: { host: "127.0.0.1", port } }, { ...nodePorts(), store });
    try {
      return await new Promise((resolve) => auth.host("app.example.com").getToken(resolve));
    } finally {
      auth.close();
    }
  }

  it("registers a device, reads, merges, writes, compares: the firmware boots from that flash to a token, and the app's values stay", async () => {
    await page.getByText("Settings of the app").click();
    await page.getByLabel("One a line").fill("app.interval=u32:600");
    await flash("device_1");
    await flashed();
    const rows = (await page.locator("#done").textContent()) ?? "";
    assert.match(rows, /ESP32, 24:0a:01:02:03:04/);
    assert.match(rows, /nvs, 0x6000 bytes at 0x9000: written, read back, the same/);
    assert.equal(board.isListening, false);
    const partition = stored();
    for (const { namespace, key, type, data } of appValues().items())
      assert.deepEqual(partition.get(namespace, key), { type, data: Buffer.from(data) }, key);
    assert.equal(numberOf(partition.get("app", "interval") ?? assert.fail()), 600n);
    assert.equal(await boot(), Status.OK);
    assert.equal(line.mode("device_1.psk"), 0o600);
    assert.equal((await line.json("device show device_1")).history[0].by, "ann");
    // The key goes to the device only, and the page asks nobody but its server.
    const psk = line.read("device_1.psk").toString().trim();
    assert.ok(
      asked.every((one) => one.startsWith(new URL(url).origin) && !one.includes(psk)),
      `${asked}`,
    );
    assert.ok(!(await page.content()).includes(psk));
    assert.deepEqual(complaints, []);
    stop.abort();
    const { stdout, stderr } = await said;
    assert.ok(!`${stdout}${stderr}`.includes(psk));
  });

  it("the same device again writes nothing; without an id a new one is made, and the board says that it was another", async () => {
    await flash("device_1");
    await flashed();
    const before = board.chip.counts.get("FLASH_BEGIN");
    await page.getByRole("button", { name: "Next device" }).click();
    await flash("device_1");
    await flashed();
    assert.match((await page.locator("#done").textContent()) ?? "", /is so already/);
    assert.equal(board.chip.counts.get("FLASH_BEGIN"), before);
    await page.getByRole("button", { name: "Next device" }).click();
    await flash("");
    await flashed();
    assert.match(await page.getByLabel("Device id").inputValue(), /^device_[\da-f]{16}$/);
    assert.match(
      (await page.locator("#done").textContent()) ?? "",
      /Before *another credential, which is gone/,
    );
    assert.equal(await boot(), Status.OK);
  });

  describe("says what is wrong and what to do, and writes nothing", () => {
    const locked: [what: string, options: BoardOptions, told: RegExp][] = [
      ["secure boot", { burnt: { secureBoot: true } }, /Secure boot of the ESP32 is on.*Provision before/],
      ["flash encryption", { burnt: { flashEncryption: true } }, /Flash encryption of the ESP32 is on/],
      ["no partition table", { tableAt: 0x40000 }, /There is no partition table.*Flash the app/],
    ];
    for (const [what, options, told] of locked)
      it(`a board with ${what}`, async () => {
        await openPage(options);
        await flash("device_1");
        const text = await failure();
        assert.match(text, told);
        assert.doesNotMatch(text, / --|motekey /);
        untouched();
      });

    it("a board with another chip than the one that was chosen", async () => {
      await page.getByLabel("Chip").selectOption("ESP32-S3");
      await flash("device_1");
      assert.match(await failure(), /The chip is an ESP32, and not an ESP32-S3\. Check which board/);
      untouched();
      await page.getByLabel("Chip").selectOption("ESP32");
      await flash("device_1");
      await flashed();
    });

    it("no port chosen, and a port that another program has", async () => {
      at.isChosen = false;
      await flash("device_1");
      assert.match(await failure(), /No port was chosen\. Choose the device's port/);
      assert.ok(!existsSync(line.path("device_1.psk")));
      at.isChosen = true;
      at.isTaken = true;
      await flash("device_1");
      await page.getByText("another program or another tab has it").waitFor();
      untouched();
    });

    it("a setting that is none: before a port is asked for, or the cloud", async () => {
      at.isChosen = false;
      await page.getByText("Settings of the app").click();
      await page.getByLabel("One a line").fill("nonsense");
      await flash("device_1");
      assert.match(await failure(), /not written as namespace\.key=type:value/);
    });

    it("a revoked device", async () => {
      await flash("device_1");
      await flashed();
      await line.json("device revoke device_1 --force");
      await flash("device_1");
      assert.match(await failure(), /The cloud refuses/);
    });
  });

  it("a board that is unplugged while it is written: the next try puts back what the app had", async () => {
    let writes = 0;
    board.faults.unplugs = (op) => op === "FLASH_DATA" && ++writes === 1;
    await flash("device_1");
    assert.match(await failure(), /is gone|stopped answering/);
    board.faults = {};
    await flash("device_1");
    await flashed();
    for (const { namespace, key, type, data } of appValues().items())
      assert.deepEqual(stored().get(namespace, key), { type, data: Buffer.from(data) }, key);
    assert.equal(await boot(), Status.OK);
  });

  it("gives the device its Wi-Fi network by Improv, and forgets the password", async () => {
    await flash("device_1");
    await flashed();
    const device = new ExampleDevice([{ ssid: "factory", rssi: -40, password: WIFI_PASSWORD }]);
    at.ports = new PeerPorts(device);
    const join = async (password: string): Promise<void> => {
      await page.getByLabel("Network").fill("factory");
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Join" }).click();
    };
    await join("incorrect horse");
    assert.match(await failure(), /could not join 'factory'.*password/);
    await join(WIFI_PASSWORD);
    await page.getByText("The device has joined 'factory': http://192.0.2.17.").waitFor();
    assert.deepEqual(device.asked, { ssid: "factory", password: WIFI_PASSWORD });
    assert.equal(await page.getByLabel("Password").inputValue(), "");
    assert.ok(asked.every((one) => !one.includes("horse")));
  });

  it("prints labels: a code for each device of the page, with its id and fingerprint, and no secret", async () => {
    for (const id of ["device_1", "device_2"]) {
      await flash(id);
      await page.getByRole("img", { name: `QR code of ${id}` }).waitFor();
    }
    const psk = line.read("device_1.psk").toString().trim();
    const { key_fingerprint: fingerprint } = await line.json("device show device_1");
    const labels = await page.locator("#labels").textContent();
    assert.ok(labels?.includes(`device_1${fingerprint}`) && !labels.includes(psk));
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.getByRole("button", { name: "Join" }).isVisible(), false);
    assert.equal(await page.getByRole("img", { name: "QR code of device_2" }).isVisible(), true);
  });

  it("signs in by PKCE where nobody is logged in: the person signs in beside it, and the page goes on", async () => {
    await line.world.line("auth logout --force");
    await page.reload();
    const opened = page.context().waitForEvent("page");
    await page.getByRole("button", { name: "Sign in" }).click();
    const provider = await opened;
    await provider.getByLabel("User name or email").fill(ANN.username);
    await provider.getByLabel("Password").fill(ANN.password);
    await provider.getByRole("button", { name: "Sign in" }).click();
    await provider.getByRole("button", { name: "Allow", exact: true }).click();
    await page.getByText("ann@example.com").waitFor();
    await flash("device_1");
    await flashed();
  });

  describe("its server", () => {
    const get = async (path: string, headers: Record<string, string> = {}, method = "GET") => {
      const { hostname, port, host } = new URL(url);
      const sent = request({ hostname, port, path, method, headers: { host, ...headers } });
      sent.end(method === "POST" ? "{}" : undefined);
      const [response] = await once(sent, "response");
      let text = "";
      for await (const chunk of response) text += chunk;
      return { status: response.statusCode as number, headers: response.headers, text };
    };

    it("listens on the loopback, and lets nothing run or load that is not its own", async () => {
      assert.equal(new URL(url).hostname, "127.0.0.1");
      const { headers, text } = await get("/");
      const policy = String(headers["content-security-policy"]);
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/);
      assert.doesNotMatch(policy, /unsafe|\*|data:/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(text, /<script>|<style|\son\w+=|\sstyle=/);
      assert.equal(headers["cache-control"], "no-store");
    });

    it("refuses whoever has no token, another page, another name of the address, and what is no call", async () => {
      const token = new URL(url).hash.slice("#token=".length);
      const json = { "content-type": "application/json" };
      const good = { ...json, authorization: `Bearer ${token}` };
      const status = async (...of: Parameters<typeof get>) => (await get(...of)).status;
      assert.equal(await status("/api/state", good, "POST"), 200);
      assert.equal(await status("/api/state", json, "POST"), 401);
      assert.equal(await status("/api/state", { ...json, authorization: "Bearer x" }, "POST"), 401);
      assert.equal(await status("/api/state", { ...good, origin: "https://evil.example" }, "POST"), 403);
      assert.equal(await status("/api/state", { ...good, "sec-fetch-site": "cross-site" }, "POST"), 403);
      assert.equal(await status("/api/state", { ...good, "content-type": "text/plain" }, "POST"), 415);
      assert.equal(await status("/api/state", { ...good, host: "rebound.example" }, "POST"), 421);
      assert.equal(await status("/api/state", good, "GET"), 405);
      assert.equal(await status("/api/toString", good, "POST"), 404);
      assert.equal(await status("/../package.json"), 404);
    });

    it("a page without the token says where it is", async () => {
      await page.goto("about:blank");
      await page.goto(url.split("#")[0] ?? "");
      assert.match(await failure(), /has no token.*the terminal shows/);
    });
  });

  for (const [name, width, height] of [
    ["a phone", 360, 740],
    ["a desktop", 1280, 900],
  ] as const)
    for (const colorScheme of ["light", "dark"] as const)
      it(`can be read on ${name}, ${colorScheme}: it fits, and its contrast is that of WCAG AA`, async () => {
        await openPage({}, { viewport: { width, height }, colorScheme });
        await flash("device_1");
        await flashed();
        at.isChosen = false;
        await flash("device_2");
        await failure();
        await page.getByText("Settings of the app").click();
        const { SHOTS } = process.env;
        const path = `${SHOTS}/${name.replace(/\W+/g, "-")}-${colorScheme}.png`;
        if (SHOTS !== undefined) await page.screenshot({ path, fullPage: true });
        assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
        const { ratio, text } = await leastContrast(page);
        assert.ok(ratio >= 4.5, `${ratio}: ${text}`);
      });
});
