/** The identity's pages in a real browser, as a person has them. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as oidc from "openid-client";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { type Identity, startIdentity } from "../../host-sim/cloud/identity/index.js";
import { findChromium, startChromium } from "../servers/chromium.js";
import { ADA, attempt, discover, SCOPE } from "./client.js";
import { leastContrast } from "./contrast.js";

const MEMBER = { ...ADA, memberships: [{ organization: "Acme Corp" }, { organization: "Umbrella" }] };

/** Runs in the page: how many fields have no label, or several. */
const UNLABELLED =
  "[...document.querySelectorAll('input:not([type=hidden])')].filter((field) => field.labels.length !== 1).length";

describe("the identity's pages in chromium", () => {
  let browser: Browser;
  let identity: Identity;
  let client: oidc.Configuration;
  let context: BrowserContext;
  let page: Page;
  /** Everything that the pages asked for or complained of. */
  let asked: string[];
  let complaints: string[];

  before(async function () {
    browser = await startChromium(findChromium(this));
  });

  after(() => browser?.close());

  beforeEach(async () => {
    identity = await startIdentity({ users: [MEMBER] });
    client = await discover(identity);
    await openBrowser({});
  });

  afterEach(async () => {
    await context.close();
    await identity.close();
  });

  async function openBrowser(options: BrowserContextOptions): Promise<void> {
    await context?.close();
    context = await browser.newContext(options);
    page = await context.newPage();
    [asked, complaints] = [[], []];
    page.on("request", (request) => asked.push(new URL(request.url()).origin));
    page.on("console", (message) => complaints.push(message.text()));
  }

  async function signIn(password = ADA.password): Promise<void> {
    await page.getByLabel("User name or email").fill(ADA.username);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  }

  /** Visits every kind of page, and calls back at each. */
  async function visitAll(look: (name: string) => Promise<void>): Promise<void> {
    await page.goto((await attempt(client)).url.href);
    await look("sign in");
    await signIn("wrong");
    await look("wrong password");
    await signIn();
    await look("consent");
    const device = await oidc.initiateDeviceAuthorization(client, { scope: SCOPE });
    await page.goto(device.verification_uri);
    await look("code");
    await page.getByLabel("Code").fill("BBBB-BBBB");
    await page.getByRole("button", { name: "Continue" }).click();
    await look("wrong code");
    await page.goto(device.verification_uri_complete ?? "");
    await page.getByRole("button", { name: "Continue" }).click();
    await look("confirm");
    await page.getByRole("button", { name: "It shows this code" }).click();
    await page.getByRole("button", { name: "Allow" }).click();
    await page.getByText("Device connected").waitFor();
    await look("done");
    await page.goto(`${identity.issuer}/authorize?client_id=nobody`);
    await look("failure");
    await page.goto(`${identity.issuer}/logout`);
    await look("sign out");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You can close this page").waitFor();
    await look("signed out");
  }

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? "with" : "without";
    describe(`${how} JavaScript`, () => {
      beforeEach(() => openBrowser({ javaScriptEnabled }));

      it("a login by PKCE ends at the command line's own port", async () => {
        const callback = await Callback.listen();
        const { url, checks } = await attempt(client, { redirect_uri: callback.redirectUri });
        await page.goto(url.href);
        await signIn("wrong");
        assert.match(await page.getByRole("alert").innerText(), /Invalid user name or password/);
        await signIn();
        await page.getByLabel("Umbrella").check();
        await page.getByRole("button", { name: "Allow" }).click();
        const tokens = await oidc.authorizationCodeGrant(client, await callback.visited, checks);
        await page.getByText("Back to your terminal").waitFor();
        const { organization } = tokens.claims() as unknown as { organization: { name: string } };
        assert.equal(organization.name, "Umbrella");
        callback.close();
      });

      it("a device is connected by its code", async () => {
        const device = await oidc.initiateDeviceAuthorization(client, { scope: SCOPE });
        await page.goto(device.verification_uri);
        await page.getByLabel("Code").fill(device.user_code.toLowerCase());
        await page.getByRole("button", { name: "Continue" }).click();
        await page.getByText(device.user_code).waitFor();
        await page.getByRole("button", { name: "It shows this code" }).click();
        await signIn();
        await page.getByRole("button", { name: "Allow" }).click();
        await page.getByText("Device connected").waitFor();
        const body = { device_code: device.device_code };
        await oidc.genericGrantRequest(client, "urn:ietf:params:oauth:grant-type:device_code", body);
      });

      it("who refuses a device, and who signs in as another, gets there too", async () => {
        const device = await oidc.initiateDeviceAuthorization(client, { scope: SCOPE });
        await page.goto(device.verification_uri_complete ?? "");
        await page.getByRole("button", { name: "Continue" }).click();
        await page.getByRole("button", { name: "Refuse" }).click();
        assert.match(await page.getByRole("alert").innerText(), /You refused the device/);
        await page.goto((await attempt(client)).url.href);
        await signIn();
        await identity.addUser({ username: "bob", password: "b", name: "Bob" });
        await page.goto((await attempt(client, { prompt: "login" })).url.href);
        await page.getByLabel("User name or email").fill("bob");
        await page.getByLabel("Password").fill("b");
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("button", { name: "Continue" }).click();
        await page.getByText("bob@example.com").waitFor();
      });
    });
  }

  it("each has a language, a title, one heading, a label for every field, and no script", async () => {
    await visitAll(async (name) => {
      assert.equal(await page.locator("html").getAttribute("lang"), "en", name);
      assert.match(await page.title(), /^.+ · motekey$/, name);
      assert.equal(await page.locator("h1").count(), 1, name);
      assert.equal(await page.evaluate(UNLABELLED), 0, name);
      assert.equal(await page.locator("script").count(), 0, name);
    });
    assert.deepEqual([...new Set(asked)], [identity.issuer], "they load nothing from elsewhere");
    // A wrong password and an unknown client have their status; nothing else may be complained of.
    assert.deepEqual(
      complaints.filter((text) => !/status of 40\d/.test(text)),
      [],
    );
  });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`text has a contrast of at least 4.5 in ${colorScheme}`, async () => {
      await openBrowser({ colorScheme });
      await visitAll(async (name) => {
        const { ratio, text } = await leastContrast(page);
        assert.ok(ratio >= 4.5, `${name}: "${text}" has ${ratio.toFixed(2)}`);
      });
    });
  }

  it("dark is dark", async () => {
    const shade = async (colorScheme: "light" | "dark") => {
      await openBrowser({ colorScheme });
      await page.goto(`${identity.issuer}/device`);
      return page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    };
    const [light, dark] = [await shade("light"), await shade("dark")];
    const sum = (colour: string) =>
      (colour.match(/\d+/g) ?? []).reduce((total, part) => total + Number(part), 0);
    assert.ok(sum(light) > 600 && sum(dark) < 150, `${light}, ${dark}`);
  });

  it("a narrow telephone needs no scrolling to the side", async () => {
    await openBrowser({ viewport: { width: 320, height: 560 } });
    await visitAll(async (name) => {
      const wide = await page.evaluate<number>("document.documentElement.scrollWidth");
      assert.ok(wide <= 320, `${name}: ${wide}`);
    });
  });

  it("the keyboard alone is enough", async () => {
    await page.goto((await attempt(client)).url.href);
    await page.locator("#username:focus").waitFor();
    await page.keyboard.type(ADA.username);
    await page.keyboard.press("Tab");
    await page.keyboard.type(ADA.password);
    await page.keyboard.press("Enter");
    await page.getByText("It asks to").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.getByLabel("Umbrella").isChecked(), true);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Allow");
  });

  it("what a user or client is called does not become markup", async () => {
    const name = "<img src=x onerror=alert(1)>";
    await identity.addUser({ username: "eve", password: "e", name });
    await page.goto((await attempt(client, { login_hint: `">${name}` })).url.href);
    assert.equal(await page.getByLabel("User name or email").inputValue(), `">${name}`);
    await page.getByLabel("User name or email").fill("eve");
    await page.getByLabel("Password").fill("e");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText(name).waitFor();
    assert.equal(await page.locator("img").count(), 0);
  });

  it("an old address of a sign-in says that it has ended", async () => {
    const response = await page.goto(`${identity.issuer}/interaction/old`);
    assert.equal(response?.status(), 400);
    assert.match(await page.getByRole("alert").innerText(), /This sign-in has ended/);
  });
});

/** What the command line listens with. */
class Callback {
  private constructor(
    private server: Server,
    readonly redirectUri: string,
    readonly visited: Promise<URL>,
  ) {}

  static async listen(): Promise<Callback> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
    const visited = new Promise<URL>((resolve) => {
      server.on("request", (request, response) => {
        response.end("<p>Back to your terminal</p>");
        const url = new URL(request.url ?? "", redirectUri);
        if (url.pathname === "/callback") resolve(url);
      });
    });
    return new Callback(server, redirectUri, visited);
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
