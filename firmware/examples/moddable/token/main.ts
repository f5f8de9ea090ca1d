/**
 * A device that reports to its app every ten minutes and sleeps in between, its token in memory.
 *
 * First build, at the desk: what is given there is kept in flash (`preference`), later builds need none of it.
 *
 *     mcconfig -d -m -p esp32 ssid=… password=… id=device_123 psk=… cloud=192.168.1.10 app=https://app.example.com
 *
 * The SDK joins the Wi-Fi and sets the clock before this module runs (`setup/network`, `ssid` and `sntp`). The
 * certificate of the app's authority goes under "data" in the manifest.
 */
import { fetch } from "fetch";
import config from "mc/config";
import { createAuth, moddablePorts, Status, sentenceOf, type Token } from "motekey";
import Preference from "preference";
import Timer from "timer";

const DOMAIN = "motekey";
const REPORT_MS = 600_000;
/** The longest a report may take; `fetch` does not tell of a connection that fails. */
const REPORT_MS_MAX = 30_000;
/** Counters set aside at each start: as many connections can be proved before the next. */
const COUNTERS = 1_000_000;

/** A text from flash, or from the command line of the first build. */
const setting = (name: string): string => {
  const kept = Preference.get(DOMAIN, name);
  if (typeof kept === "string") return kept;
  const given: unknown = config[name];
  if (typeof given !== "string") throw new Error(`no ${name} in flash: build once with ${name}=…`);
  Preference.set(DOMAIN, name, given);
  return given;
};

const counterOf = (name: string): number => Number(Preference.get(DOMAIN, name) ?? 1);

/**
 * The first counter that was never used. Flash is erased before it is written: of the two copies the older one
 * is replaced, so that a power cut leaves the newer.
 */
const reserveCounters = (): number => {
  const [even, odd] = [counterOf("counter0"), counterOf("counter1")];
  const first = Math.max(even, odd);
  Preference.set(DOMAIN, even < odd ? "counter0" : "counter1", String(first + COUNTERS));
  return first;
};

const address = setting("app");
const auth = createAuth(
  {
    deviceId: setting("id"),
    cloud: { host: setting("cloud"), port: Number(config.port ?? 1883) },
    credential: { psk: setting("psk"), counter: reserveCounters() },
  },
  moddablePorts(),
);
const app = auth.host(config.host ?? "app.example.com");

/** Set while a report is under way. */
let guard: Timer | undefined;

const sleep = (outcome: string): void => {
  if (guard === undefined) return;
  trace(`${outcome}\n`);
  Timer.clear(guard);
  guard = undefined;
  auth.suspend();
  Timer.set(report, REPORT_MS);
};

const send = async (bearer: string, generation: number): Promise<void> => {
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  const body = JSON.stringify({ atMs: Date.now() });
  const { status } = await fetch(`${address}/report`, { method: "POST", headers, body });
  if (status !== 401) sleep(`the app answered ${status}`);
  else if (app.rejected(generation) === Status.OK) app.getToken(onToken);
  else sleep("the app refuses new tokens too: look at its audience and clock");
};

/** The token's bytes are good during the callback only: this makes the text that `fetch` wants. */
const onToken = (status: Status, token: Token | null): void => {
  if (token === null) sleep(sentenceOf(status));
  else if (guard !== undefined) {
    const bearer = String.fromArrayBuffer(token.bytes.slice(0, token.length).buffer);
    send(bearer, token.generation).catch((error) => sleep(`not sent: ${error}`));
  }
};

const report = (): void => {
  guard = Timer.set(() => sleep("no answer in time"), REPORT_MS_MAX);
  auth.resume();
  const status = app.getToken(onToken);
  if (status !== Status.OK) sleep(sentenceOf(status));
};

report();
