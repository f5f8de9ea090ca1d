/** The logins with a browser, in a real one. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import type { Identity } from "../../host-sim/index.js";
import { findChromium, startChromium } from "../servers/chromium.js";
import { ANN, good, startAcme } from "./acme.js";
import { World } from "./world.js";

describe("auth login in chromium", () => {
  let browser: Browser;
  let identity: Identity;
  let world: World;
  let page: Page;

  before(async function () {
    browser = await startChromium(findChromium(this));
  });
  after(() => browser?.close());
  beforeEach(async () => {
    identity = await startAcme();
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
    page = await (await browser.newContext()).newPage();
  });
  afterEach(async () => {
    await page.context().close();
    world.end();
    await identity.close();
  });

  async function signIn(): Promise<void> {
    await page.getByLabel("User name or email").fill(ANN.username);
    await page.getByLabel("Password").fill(ANN.password);
    await page.getByRole("button", { name: "Sign in" }).click();
  }
  const click = (name: string) => page.getByRole("button", { name, exact: true }).click();

  it("PKCE: the person signs in, allows, and is sent back to the terminal", async () => {
    let last = "";
    let ended: Promise<void> | undefined;
    const openBrowser = async (url: string): Promise<void> => {
      ended = (async () => {
        await page.goto(url);
        await signIn();
        await click("Allow");
        await page.getByRole("heading", { name: "Back to the terminal" }).waitFor();
        last = new URL(page.url()).hostname;
      })();
    };
    const said = good(await world.line("auth login", { env: { DISPLAY: ":0" }, openBrowser }));
    await ended;
    assert.equal(said.stdout, "✓ Successfully authenticated as ann@example.com\n");
    assert.equal(last, "127.0.0.1");
  });

  it("a script of another origin cannot bring an answer", async () => {
    const events: string[] = [];
    let ended: Promise<void> | undefined;
    const openBrowser = async (url: string): Promise<void> => {
      const callback = new URL(url).searchParams.get("redirect_uri") ?? "";
      const state = new URL(url).searchParams.get("state") ?? "";
      ended = (async () => {
        await page.goto(identity.issuer);
        page.on("response", (response) => {
          if (response.url().startsWith(callback))
            events.push(`${response.request().resourceType()} ${response.status()}`);
        });
        const answer = `${callback}?code=x&state=${state}`;
        await page.evaluate(`fetch(${JSON.stringify(answer)}, { mode: "no-cors" }).catch(() => undefined)`);
        await page.goto(url);
        await signIn();
        await click("Allow");
        await page.getByRole("heading", { name: "Back to the terminal" }).waitFor();
      })();
    };
    good(await world.line("auth login", { env: { DISPLAY: ":0" }, openBrowser }));
    await ended;
    assert.deepEqual(events, ["fetch 403", "document 200"]);
  });

  it("device grant: the person opens the address, compares the code, and allows", async () => {
    let ended: Promise<void> | undefined;
    identity.faults.rawReply = (path, content) => {
      if (path !== "/device_authorization") return content;
      const { verification_uri_complete: url, user_code: code } = content as Record<string, string>;
      ended = (async () => {
        await page.goto(url ?? "");
        await click("Continue");
        await page.getByText(code ?? "").waitFor();
        await click("It shows this code");
        await signIn();
        await click("Allow");
        await page.getByText("Device connected").waitFor();
      })();
      return content;
    };
    const said = good(await world.line("auth login --no-browser"));
    await ended;
    assert.equal(said.stdout, "✓ Successfully authenticated as ann@example.com\n");
  });
});
