/** The site, as `npm run site` builds it: each link leads somewhere, and a browser has nothing to complain of. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, posix } from "node:path";
import type { Browser } from "playwright-core";
import { documents, pageOf, referenceOf } from "../../site/documents.js";
import { findChromium, startChromium } from "../servers/chromium.js";
import { at, ROOT } from "./repository.js";

const SITE = at("site/dist");
const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};
/** What is looked at in the browser: the front page, the matrix, the API, long pages, one with many commands. */
const SEEN = [
  "index.html",
  "overview.html",
  "docs/proofs.html",
  "docs/api.html",
  "api/motekey.html",
  "docs/cli/index.html",
  "SECURITY.html",
];
const VIEWPORTS = { desktop: { width: 1360, height: 900 }, phone: { width: 390, height: 844 } };

const htmlOf = (page: string): string => readFileSync(join(SITE, page), "utf8");

describe("the site", () => {
  let pages: string[];

  before(function () {
    this.timeout(600_000);
    const built = spawnSync("npm", ["run", "--silent", "site"], { cwd: ROOT, encoding: "utf8" });
    assert.equal(built.status, 0, `${built.stdout}\n${built.stderr}`);
    pages = readdirSync(SITE, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".html"));
  });

  it("has a page for each document, and for each entry point with its exports", () => {
    for (const document of documents()) {
      const page = pageOf(document).replace(/\.md$/, ".html");
      assert.ok(pages.includes(page), page);
    }
    const exports = {
      motekey: "createAuth",
      "motekey/cbor": "cwt",
      "motekey/tls": "ModdableTlsLink",
      "motekey-host-sim": "simulateDevice",
      "motekey-service/verify": "createVerifier",
    };
    for (const [entry, name] of Object.entries(exports))
      assert.match(htmlOf(`api/${referenceOf(entry)}.html`), new RegExp(`id="${name.toLowerCase()}"`), entry);
  });

  it("has links that lead to pages and headings that there are", () => {
    const wrong = pages.flatMap((page) =>
      [...htmlOf(page).matchAll(/<a [^>]*?href="([^"]+)"/g)]
        .map(([, link = ""]) => link.replaceAll("&amp;", "&"))
        .filter((link) => !/^\w+:/.test(link) && fault(page, link))
        .map((link) => `${page}: ${link}`),
    );
    assert.ok(pages.length > 50, `${pages.length} pages`);
    assert.deepEqual(wrong, []);
    assert.ok(fault("index.html", "/docs/none.html"));
    assert.ok(fault("index.html", "/docs/guide.html#none"));
  });

  it("shows a run of the simulated world, by the hash that motekey sim prints", () => {
    const home = htmlOf("index.html");
    const hash = /<code>([0-9a-f]{16})<\/code>/.exec(home)?.[1];
    const [, devices = "", days = "", seed = ""] =
      /motekey sim --devices (\d+) --days (\d+) --seed (\d+)/.exec(home) ?? [];
    const sim = ["tools/bin/motekey.mjs", "sim", "--json=hash,violations"];
    const answer = execFileSync(
      process.execPath,
      [...sim, "--devices", devices, "--days", days, "--seed", seed],
      { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    assert.deepEqual(JSON.parse(answer), { hash, violations: [] });
  });

  describe("in chromium", () => {
    let browser: Browser;
    let server: Server;
    let origin: string;

    before(async function () {
      browser = await startChromium(findChromium(this));
      server = createServer((request, response) => {
        const file = join(SITE, new URL(request.url ?? "/", "http://site").pathname);
        const there = [file, `${file}.html`, join(file, "index.html")].find(
          (name) => existsSync(name) && statSync(name).isFile(),
        );
        if (there === undefined) response.writeHead(404).end();
        else response.writeHead(200, { "content-type": TYPES[extname(there)] }).end(readFileSync(there));
      });
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });

    after(async () => {
      await browser?.close();
      server?.close();
    });

    for (const [device, viewport] of Object.entries(VIEWPORTS))
      for (const colorScheme of ["light", "dark"] as const)
        it(`is read on a ${device}, ${colorScheme}: no complaint, nothing from elsewhere, nothing cut off`, async () => {
          const page = await browser.newPage({ viewport, colorScheme });
          const complaints: string[] = [];
          page.on("console", (message) => {
            if (["error", "warning"].includes(message.type())) complaints.push(message.text());
          });
          page.on("pageerror", (failure) => complaints.push(String(failure)));
          page.on("request", (request) => {
            if (!request.url().startsWith(origin)) complaints.push(request.url());
          });
          for (const name of SEEN) {
            await page.goto(`${origin}/${name}`, { waitUntil: "networkidle" });
            const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
            if (overflow !== 0) complaints.push(`${name} is ${overflow} pixels too wide`);
            assert.equal(await page.locator("html.dark").count(), colorScheme === "dark" ? 1 : 0);
          }
          await page.goto(`${origin}/`, { waitUntil: "networkidle" });
          assert.equal((await page.locator("svg.world .device").count()) > 0, true);
          await page.close();
          assert.deepEqual(complaints, []);
        });

    it("finds a status by its search", async () => {
      const page = await browser.newPage({ viewport: VIEWPORTS.desktop });
      await page.goto(origin, { waitUntil: "networkidle" });
      await page.keyboard.press("Control+k");
      await page.locator("#localsearch-input").fill("COUNTER_BEHIND");
      await page.locator(".VPLocalSearchBox .result").first().waitFor();
      await page.close();
    });
  });
});

/** Whether the link of a page leads nowhere. */
function fault(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : posix.join(path.startsWith("/") ? "" : posix.dirname(page), path);
  const files = [target, `${target}.html`, posix.join(target, "index.html")].map((name) =>
    name.replace(/^\//, ""),
  );
  const file = files.find((name) => existsSync(join(SITE, name)) && statSync(join(SITE, name)).isFile());
  if (file === undefined) return true;
  if (anchor === undefined || anchor === "") return false;
  return !htmlOf(file).includes(`id="${decodeURIComponent(anchor)}"`);
}
