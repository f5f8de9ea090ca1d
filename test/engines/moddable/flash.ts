/** The stores over the SDK's storage for flash chips, with a chip of the test's (`flash.h`). */
import { KeyValueStore } from "motekey/key-value";
import { PreferenceStore } from "motekey/preference";
import { listen } from "./client.js";
import { obeyStore, type StoreCommand } from "./values.js";

listen((command: StoreCommand & { store: "preference" | "key-value" }) => {
  obeyStore(command, command.store === "preference" ? new PreferenceStore() : new KeyValueStore());
});
