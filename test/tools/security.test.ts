/** What an attacker between the browser, the provider and this machine could try, each refused. */
import assert from "node:assert/strict";
import { request } from "node:http";
import type { Identity } from "../../host-sim/index.js";
import { Person } from "../identity/people.js";
import { ANN, ANN_AT_BROWSER, good, logInAt, startAcme, visit } from "./acme.js";
import { World } from "./world.js";

describe("a login in the browser", () => {
  let world: World;
  let identity: Identity;

  beforeEach(async () => {
    identity = await startAcme();
    world = new World();
    world.env.MOTEKEY_ISSUER = identity.issuer;
  });
  afterEach(async () => {
    world.end();
    await identity.close();
  });

  /** What the redirect's address is when Ann has logged in at this address. */
  const answerFor = async (url: string): Promise<URL> => {
    const person = new Person();
    return (await person.allow(await person.open(url), ANN.username, ANN.password)).url;
  };

  const refused = async (told: RegExp) => {
    const said = await world.line("auth login", ANN_AT_BROWSER);
    assert.match(said.stderr, told);
    assert.equal(said.exit, 1);
    assert.equal(said.stdout, "");
    assert.equal((await world.line("auth status")).exit, 1, "nothing was kept");
  };

  const forged: [name: string, change: (url: URL) => void, told: RegExp][] = [
    [
      "of another issuer",
      (url) => url.searchParams.set("iss", "https://evil.example"),
      /not to be trusted: .*iss/,
    ],
    ["that names no issuer", (url) => url.searchParams.delete("iss"), /not to be trusted: .*iss/],
    ["with two states", (url) => url.searchParams.append("state", "x"), /not to be trusted: .*state/],
    ["without a code", (url) => url.searchParams.delete("code"), /not to be trusted/],
    [
      "with another code",
      (url) => url.searchParams.set("code", "x"),
      /Error: The provider refuses the login \(invalid_grant/,
    ],
  ];
  for (const [name, change, told] of forged) {
    it(`an answer ${name} is refused`, async () => {
      identity.faults.rawCallback = change;
      await refused(told);
    });
  }

  const claims: [name: string, claims: Record<string, unknown>, told: RegExp][] = [
    ["another nonce", { nonce: "x" }, /not to be trusted: .*nonce/],
    ["another audience", { aud: "other" }, /not to be trusted: .*aud/],
    ["another issuer", { iss: "https://evil.example" }, /not to be trusted: .*iss/],
    ["an end in the past", { exp: 1 }, /not to be trusted: .*exp/],
  ];
  for (const [name, changed, told] of claims) {
    it(`an ID token with ${name} is refused`, async () => {
      identity.faults.idToken = { claims: changed };
      await refused(told);
    });
  }

  it("an ID token with a wrong signature is refused", async () => {
    identity.faults.idToken = { forged: true };
    await refused(/not to be trusted: .*(signature|key)/);
  });

  it("no ID token at all is refused", async () => {
    identity.faults.rawReply = (path, content) => {
      if (path !== "/token") return content;
      const { id_token: _, ...rest } = content;
      return rest;
    };
    await refused(/not to be trusted: .*id_token/);
  });

  it("discovery that names another issuer is refused, before the browser opens", async () => {
    identity.faults.rawReply = (path, content) =>
      path.endsWith("openid-configuration") ? { ...content, issuer: "https://evil.example" } : content;
    await refused(/not to be trusted: .*issuer/);
    assert.equal(world.opened.length, 0);
  });

  it("a /me on another origin gets no token", async () => {
    identity.faults.rawReply = (path, content) =>
      path.endsWith("openid-configuration") ? { ...content, me_endpoint: "http://127.0.0.1:1/me" } : content;
    good(await world.line("--team any auth login --username ann", { input: ANN.password }));
    const { stdout } = good(await world.line("auth me"));
    assert.match(stdout, /ann@example\.com/, "user info told it");
  });

  it("a provider without S256 is refused", async () => {
    identity.faults.rawReply = (path, content) =>
      path.endsWith("openid-configuration")
        ? { ...content, code_challenge_methods_supported: ["plain"] }
        : content;
    await refused(/has no PKCE with S256/);
  });

  it("an answer with a wrong state, or to an error that somebody made up, does not end the login: the right one does", async () => {
    const statuses: number[] = [];
    const openBrowser = async (url: string): Promise<void> => {
      const callback = new URL(new URL(url).searchParams.get("redirect_uri") ?? "");
      for (const query of [
        "?code=x&state=wrong",
        "?error=access_denied&state=wrong",
        "?error=access_denied",
        "",
      ])
        statuses.push(await visit(callback.href + query));
      await logInAt(url);
    };
    good(await world.line("auth login", { ...ANN_AT_BROWSER, openBrowser }));
    assert.deepEqual(statuses, [400, 400, 400, 400]);
  });

  it("the callback takes a browser's redirect only: no other path, method, host name or origin", async () => {
    const statuses: Record<string, number> = {};
    const openBrowser = async (url: string): Promise<void> => {
      const answer = await answerFor(url);
      const ask = (name: string, path: string, method: string, headers: Record<string, string>) =>
        new Promise<void>((resolve, reject) => {
          const asked = request(
            { host: answer.hostname, port: answer.port, path, method, headers },
            (response) => {
              statuses[name] = response.statusCode ?? 0;
              response.resume().once("end", () => resolve());
            },
          );
          asked.once("error", reject).end();
        });
      const path = answer.pathname + answer.search;
      const { host } = answer;
      await ask("path", `/other${answer.search}`, "GET", { host });
      await ask("method", path, "POST", { host });
      await ask("host", path, "GET", { host: "evil.example" });
      await ask("localhost", path, "GET", { host: `localhost:${answer.port}` });
      await ask("origin", path, "GET", { host, origin: "https://evil.example" });
      await ask("script", path, "GET", { host, "sec-fetch-mode": "no-cors" });
      await ask("redirect", path, "GET", { host, "sec-fetch-mode": "navigate" });
    };
    good(await world.line("auth login", { ...ANN_AT_BROWSER, openBrowser }));
    assert.deepEqual(statuses, {
      path: 404,
      method: 405,
      host: 421,
      localhost: 421,
      origin: 403,
      script: 403,
      redirect: 200,
    });
  });

  it("the callback listens on the loopback only, and no longer than the login", async () => {
    let callback = new URL("http://127.0.0.1");
    const openBrowser = async (url: string): Promise<void> => {
      callback = new URL(new URL(url).searchParams.get("redirect_uri") ?? "");
      await logInAt(url);
    };
    good(await world.line("auth login", { ...ANN_AT_BROWSER, openBrowser }));
    assert.equal(callback.hostname, "127.0.0.1");
    await assert.rejects(visit(callback), { code: "ECONNREFUSED" });
  });

  it("a code is used once: who brings the answer again gets nothing", async () => {
    const answers: URL[] = [];
    const openBrowser = async (url: string): Promise<void> => {
      const answer = await answerFor(url);
      answers.push(answer);
      void visit(answer);
    };
    good(await world.line("auth login", { ...ANN_AT_BROWSER, openBrowser }));
    const [answer] = answers;
    const body = new URLSearchParams({
      grant_type: "authorization_code",
      client_id: identity.clientId,
      code: answer?.searchParams.get("code") ?? "",
      redirect_uri: `${answer?.origin}${answer?.pathname}`,
    });
    const again = await fetch(`${identity.issuer}/token`, { method: "POST", body });
    assert.equal(again.status, 400);
  });

  it("the mock's answer goes to the port that asked: a code for another redirect is refused", async () => {
    identity.faults.rawCallback = (url) => url.searchParams.set("state", "another login's");
    const pressed = new AbortController();
    const openBrowser = async (url: string): Promise<void> => {
      await visit(await answerFor(url));
      pressed.abort();
    };
    const said = await world.line("auth login", {
      ...ANN_AT_BROWSER,
      openBrowser,
      interrupted: pressed.signal,
    });
    assert.equal(said.exit, 130, "it waited for its own answer");
  });
});
