/** `motekey auth login` at a provider that is not ours, and `motekey device` against the service that takes its tokens. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { simulateDevice } from "../../host-sim/index.js";
import { type Service, startService } from "../../host-sim/service/index.js";
import { FREE, newFolder } from "../service/places.js";
import { good, json } from "./acme.js";
import { CI, type Foreign, startResourceProvider } from "./foreign/providers.js";
import { World } from "./world.js";

describe("motekey device, at the service, with a login of oidc-provider", function () {
  this.timeout(120_000);
  const folder = newFolder();
  let provider: Foreign;
  let service: Service;
  let world: World;

  before(async () => {
    provider = await startResourceProvider();
    service = await startService({
      ...{ database: { folder }, ...FREE },
      openid: {
        issuer: provider.issuer,
        audience: "https://api.example.com",
        roles: { developer: ["makers"], backend: ["apps"] },
        nameClaim: "client_id",
      },
    });
    world = new World();
    Object.assign(world.env, {
      MOTEKEY_ISSUER: provider.issuer,
      MOTEKEY_CLOUD: service.httpUrl,
      MOTEKEY_CLIENT_ID: provider.client.id,
    });
  });
  after(async () => {
    world?.end();
    await service?.close();
    await provider?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("create, list and show, after a login in the browser; the device gets its token with that key", async () => {
    const browser = provider.browser ?? undefined;
    good(
      await world.line("auth login", { env: { DISPLAY: ":0" }, ...(browser && { openBrowser: browser }) }),
    );
    const created = json(await world.line("device create --id device_1 --out key --json"));
    assert.equal(created.created, true);
    assert.match(good(await world.line("device list")).stdout, /^device_1 +active +[0-9a-f]{16} +0$/m);
    const psk = (await readFile(join(world.folder, "key"), "utf8")).trim();
    const device = simulateDevice({ cloud: service, id: "device_1", psk });
    const { token } = await device.host("app.example.com").getToken();
    device.close();
    assert.equal((await service.checkToken(token, "app.example.com")).active, true);
    good(await world.line("device revoke device_1 --force"));
    const shown = json(await world.line("device show device_1 --json"));
    assert.equal(shown.state, "revoked");
    assert.deepEqual(
      shown.history.map(({ did, by }: { did: string; by: string }) => [did, by]),
      [
        ["created", provider.client.id],
        ["revoked", provider.client.id],
      ],
    );
    assert.equal((await service.checkToken(token, "app.example.com")).active, false);
  });

  it("a program whose role is a backend's logs in by its secret, and registers nothing", async () => {
    const env = { MOTEKEY_CLIENT_ID: CI.id, MOTEKEY_CLIENT_SECRET: CI.secret };
    good(await world.line("auth login", { env }));
    good(await world.line(`auth switch --account ${CI.id}`));
    const said = await world.line("device create --id device_2 --json");
    assert.match(JSON.parse(said.stderr).error.message, /yours is none/);
  });
});
