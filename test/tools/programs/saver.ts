/** Saves one account after another in an insecure store: FILE PREFIX COUNT. Says a dot for each. */
import type { Keychain } from "../../../tools/cli/system.js";
import { Store } from "../../../tools/store/store.js";

const [file = "", prefix = "", count = ""] = process.argv.slice(2);
const none = (): never => {
  throw new Error("there is no keychain here");
};
const keychain: Keychain = { name: "none", get: none, set: none, delete: none };
const store = new Store(file, keychain);
await store.prepare("file");
for (let index = 0; index < Number(count); index++) {
  await store.change((change) =>
    change.put(
      {
        team: "acme",
        name: `${prefix}-${index}`,
        type: "service",
        method: "token",
        issuer: "https://id.example.com",
        clientId: "saver",
        subject: null,
        email: null,
        organization: null,
        scope: "",
        accessToken: "x".repeat(1000),
        refreshToken: null,
        issuedAtMs: 0,
        expiresAtMs: null,
        refreshExpiresAtMs: null,
        ended: false,
        earlier: [],
        audiences: [],
        kept: {},
      },
      "file",
    ),
  );
  process.stdout.write(".");
}
