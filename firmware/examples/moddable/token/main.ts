/**
 * A device that reports to its app every ten minutes and sleeps in between, its token in memory; after a reset the
 * token comes from flash, and the cloud is asked whether it is still good.
 *
 * First build, at the desk: what is given there is kept in flash, later builds need none of it.
 *
 *     mcconfig -d -m -p esp32 ssid=… password=… id=device_123 psk=… cloud=mqtt.example.com app=app.example.com:80
 *
 * `trace=1` has it say all that happens, without secrets, for `motekey sim --replay`.
 *
 * The SDK joins the Wi-Fi and sets the clock before this module runs (`setup/network`, `ssid` and `sntp`). With the
 * certificate of an authority in `ca.der` (DER, under "data" in the manifest) both connections are TLS, port 8883 and
 * the app's.
 */

import Resource from "Resource";
import config from "mc/config";
import {
  createAuth,
  type Link,
  ModdableLink,
  moddablePorts,
  Status,
  type Token,
  writeCredential,
} from "motekey";
import { explain, sentenceOf } from "motekey/explain";
import { PreferenceStore } from "motekey/preference";
import { ModdableTlsLink } from "motekey/tls";
import { Trace } from "motekey/trace";
import Preference from "preference";
import Timer from "timer";
import { Post } from "./post.js";

const DOMAIN = "motekey";
const REPORT_MS = 600_000;
/** The longest a report may take. */
const REPORT_MS_MAX = 30_000;
const IS_TLS = Resource.exists("ca.der");

/** A text from the command line of the first build, or from flash. */
const setting = (name: string): string => {
  const given: unknown = config[name];
  if (typeof given === "string") Preference.set(DOMAIN, name, given);
  const kept = Preference.get(DOMAIN, name);
  if (typeof kept !== "string") throw new Error(`no ${name} in flash: build once with ${name}=…`);
  return kept;
};

const newLink = (): Link =>
  IS_TLS ? new ModdableTlsLink({ ca: [new Uint8Array(new Resource("ca.der"))] }) : new ModdableLink();

const store = new PreferenceStore(DOMAIN);
if (typeof config.psk === "string") {
  const status = writeCredential(store, { deviceId: String(config.id), psk: config.psk });
  if (status !== Status.OK) throw new Error(`the credential was not kept: ${sentenceOf(status)}`);
}

const [appHost = "", appPort] = setting("app").split(":");
const address = { host: appHost, port: Number(appPort) };
const cloud = { host: setting("cloud"), port: Number(config.port ?? (IS_TLS ? 8883 : 1883)) };
const ports = moddablePorts({ link: newLink(), store });
const isTraced = config.trace !== undefined;
const recorder = new Trace({ entries: 1, onLine: (line) => trace(`${line}\n`) });
const auth = isTraced ? recorder.createAuth({ cloud }, ports) : createAuth({ cloud }, ports);
const app = auth.host(appHost);
const link = newLink();

/** Set while a report is under way. */
let guard: Timer | undefined;
let post: Post | undefined;

const sleep = (outcome: string): void => {
  if (guard === undefined) return;
  trace(`${outcome}\n`);
  Timer.clear(guard);
  guard = undefined;
  if (post !== undefined) post.abandon();
  post = undefined;
  auth.suspend();
  Timer.set(report, REPORT_MS);
};

const send = (bearer: string, generation: number): void => {
  const body = JSON.stringify({ atMs: Date.now() });
  post = new Post(link, address, "/report", bearer, body, (code) => {
    post = undefined;
    if (code !== 401) sleep(`the app answered ${code}`);
    else if (app.rejected(generation) === Status.OK) ask();
    else sleep("the app refuses new tokens too: look at its audience and clock");
  });
};

/** The token's bytes are good during the callback only: this makes a text of them. */
const onToken = (status: Status, token: Token | null): void => {
  if (token === null) sleep(sentenceOf(status));
  else if (guard !== undefined)
    send(String.fromArrayBuffer(token.bytes.slice(0, token.length).buffer), token.generation);
};

const ask = (): void => {
  const status = app.getToken(onToken);
  if (status !== Status.OK) sleep(sentenceOf(status));
};

const report = (): void => {
  guard = Timer.set(() => sleep(`no answer in time. ${explain(auth).sentence}`), REPORT_MS_MAX);
  auth.resume();
  ask();
};

report();
