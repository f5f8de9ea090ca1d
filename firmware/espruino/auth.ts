import { State } from "../auth.js";
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import { RecordKind } from "../store/record.js";
import type { LeanAuth, LeanExplanation, LeanHost, LeanOptions, OnAnswer, OnToken } from "./api.js";
import { ask, drain, serveAny } from "./asking.js";
import { nextPacket } from "./calls.js";
import { now, wake } from "./clock.js";
import { backoff } from "./ending.js";
import { keepHost } from "./kept.js";
import { keyOf, random, stir, unit } from "./keys.js";
import { hostNamed, isHostName, openPages, putTokens } from "./ledger.js";
import { loseLink } from "./loss.js";
import { identityOf } from "./options.js";
import { askOrdinary } from "./ordinary.js";
import { hmac, u32 } from "./proofs.js";
import { slotsOf } from "./records.js";
import { CallPhase, Host, Method, my, Phase, renew, SECONDS_MAX, Wish, writeDown } from "./state.js";
import { mqttPacket, quoted, text } from "./text.js";
import { stateNow, turn } from "./turns.js";

/** What an app asks of a host's handle. */
function serve(host: Host, wish: Wish, onToken: OnToken | null, generation: number): Status {
  now();
  if (my.isCalm && wish === Wish.NEW_TOKEN && onToken !== null && askOrdinary(host, onToken))
    return Status.OK;
  return serveAny(host, wish, onToken, generation);
}

/** A device's client of the Auth service: one runs at a time, and its state is the module's (`state`). */
export class Auth implements LeanAuth {
  constructor(options: LeanOptions) {
    const who = identityOf(options);
    const cloud = options.cloud;
    const limits = options.limits ?? {};
    const proof = who.proof.split("+");
    const counter = options.credential?.counter;
    const isMac = proof.indexOf("mac") >= 0;
    const latest = counter === undefined ? 0 : counter - 1;
    if (my !== undefined && !my.isClosed) throw new Error("motekey: close the client that runs");
    if (options.messages !== undefined)
      options.messages.bind({
        id: who.deviceId,
        now: () => now(),
        soon: () => wake(my.nowMs),
        nextPacket: () => nextPacket(),
        text: (plain) => text(plain),
        send: (first, body) => {
          const most = Math.min(my.bounds.sendBytes ?? DEFAULT_LIMITS.sendBytes, 16386);
          if (body.length + 3 > most) return Status.TOO_LONG;
          if (my.queued + my.outbox.length + body.length + 3 > most) return Status.BUSY;
          my.outbox += mqttPacket(first, body);
          return Status.OK;
        },
      });
    let kept = "";
    for (let i = 0; i < 4; i++) {
      const record = require("Storage").read(`motekey-${["creda", "credb", "ctra", "ctrb"][i]}`);
      if (record !== undefined) kept += record;
    }
    kept += who.psk + u32(getTime() * 1e6);
    for (let i = 0; i < 8; i++) kept += u32(E.hwRand());
    stir(kept);
    renew({
      // What every turn looks at comes first: the engine searches its names one by one.
      nowMs: 0,
      only: null,
      isCalm: false,
      clock: Math.round(getTime() * 1000),
      rest: "",
      message: null,
      heardAt: -1,
      heardOfMs: 0,
      socket: null,
      armedAt: Infinity,
      macKey: [],
      sealKey: "",
      isSealed: false,
      mustSeal: who.mustSeal,
      sends: 0,
      receives: 0,
      phase: Phase.RESTING,
      isTurning: false,
      waiting: [],
      flights: [],
      abandoned: 0,
      apps: [],
      outbox: "",
      isMac,
      bounds: limits,
      given: options,
      us: who.deviceId,
      caller: who.deviceId,
      secret: who.psk,
      connectBy: proof[0],
      callMs: limits.callDeadlineMs ?? DEFAULT_LIMITS.callDeadlineMs,
      turn,
      serve,
      isKeyed: proof.indexOf("key") >= 0,
      isSigned:
        isMac &&
        proof.indexOf("key") < 0 &&
        options.messages === undefined &&
        (limits.calls ?? 1) >= 1 &&
        (limits.waiters ?? 1) >= 1,
      requestTopic: text((cloud.requestTopic ?? "cloud/from/{id}/rpc").split("{id}").join(who.deviceId)),
      answerTopic: text(`${who.deviceId}/rpc`),
      cloud: cloud.address ?? "//api.mongoose-iot.com",
      attemptMs: limits.callAttemptMs ?? DEFAULT_LIMITS.callAttemptMs,
      sendMost: limits.sendBytes ?? DEFAULT_LIMITS.sendBytes,
      tokenMost: limits.tokenBytes ?? DEFAULT_LIMITS.tokenBytes,
      strangerAt: -1000,
      dice: who.psk === "" ? random(16) : who.psk,
      lastId: unit(random(6)) * 281474976710656,
      asked: { why: 0, said: 0, order: 0 },
      lost: { why: 0, said: 0, order: 0 },
      order: 0,
      lastPacket: 0,
      lastLoss: Status.OK,
      told: State.SUSPENDED,
      place: 0,
      nextPlace: 0,
      refusals: 0,
      failures: 0,
      tellState: null,
      latest,
      reserved: isMac || proof[0] === "counter" ? latest : SECONDS_MAX,
      counters: null,
      pages: [],
    });
    my.ownerText = hmac(
      keyOf(who.psk),
      `${who.deviceId}\n${cloud.host}:${cloud.port ?? 1883}\n${cloud.address ?? "//api.mongoose-iot.com"}\0\0\0\0`,
    ).substr(0, 4);
    for (let i = 0; i < (my.bounds.hosts ?? DEFAULT_LIMITS.hosts); i++)
      my.pages.push(slotsOf(`motekey-h${i}`, RecordKind.VACANT, RecordKind.TOKEN));
    openPages();
    this.resume();
    // A device that slept wakes at a moment of its own; one that knows of no sleep may boot with all others.
    if (limits.spreadMs && options.sleptMs === undefined) my.phaseEnds += backoff(my, unit(random(6)), 1);
  }

  get state(): State {
    return stateNow();
  }

  /** Called on each change of {@link state}. */
  set onState(onState: ((state: State) => void) | null) {
    my.tellState = onState;
  }

  host(name: string): LeanHost {
    const known = hostNamed(name);
    const host = known ?? new Host(name);
    let claimed = 0;
    for (let i = 0; i < my.apps.length; i++) if (my.apps[i].isClaimed) claimed++;
    if (!isHostName(name)) throw new Error("motekey: host");
    if (!host.isClaimed && claimed >= my.pages.length) throw new Error("motekey: raise limits.hosts");
    if (known === null) my.apps.push(host);
    host.isClaimed = true;
    return host;
  }

  listTokens(onDone: OnAnswer<readonly string[] | null>): Status {
    return ask(Method.LIST, "", onDone);
  }

  authenticate(id: string, credentials: { psk?: string; cert?: string }, onDone: OnAnswer<boolean>): Status {
    const psk = credentials.psk ? `"psk":${quoted(credentials.psk)}` : "";
    const cert = credentials.cert ? `${psk ? "," : ""}"cert":${quoted(credentials.cert)}` : "";
    return ask(Method.AUTHENTICATE, `"credentials":{${psk}${cert}},"id":${quoted(id)}`, onDone);
  }

  authorizeCommand(src: string, dst: string, command: string, onDone: OnAnswer<boolean>): Status {
    const args = `"cmd":${quoted(command)},"dst":${quoted(dst)},"src":${quoted(src)}`;
    return ask(Method.AUTHORIZE, args, onDone);
  }

  suspend(): void {
    if (my.isClosed) return;
    if (my.phase > Phase.WAITING) my.phaseEnds = 0;
    loseLink(Status.SUSPENDED, false);
    wake(my.nowMs);
  }

  resume(): void {
    if (my.isClosed) return;
    my.heardOfMs = now();
    if (my.phase === Phase.RESTING) {
      // Before the first attempt it is the moment that a fleet's boot is spread to.
      if (my.lastLoss !== Status.OK || !(my.phaseEnds > my.nowMs)) my.phaseEnds = my.nowMs;
      my.phase = Phase.WAITING;
      writeDown(my.lost, Status.OK, 0);
    }
    wake(my.nowMs);
  }

  explain(): LeanExplanation {
    let latest = my.lost;
    if (latest.why === Status.OK) {
      latest = my.asked;
      for (let i = 0; i < my.apps.length; i++) {
        const host = my.apps[i];
        if (host.why !== Status.OK && (latest.why === Status.OK || host.order > latest.order)) latest = host;
      }
    }
    const isForgetful = latest.why === Status.OK && my.isForgetful;
    return { status: isForgetful ? Status.STORE_FAILED : latest.why, code: latest.said, sealed: my.isSealed };
  }

  close(): void {
    if (my.isClosed) return;
    const wasTurning = my.isTurning;
    my.hasNews = true;
    my.isTurning = true;
    my.isClosed = true;
    now();
    for (let i = 0; i < my.apps.length; i++) keepHost(my.apps[i]);
    putTokens();
    for (let i = 0; i < my.waiting.length; i++) {
      my.waiting[i].isDone = true;
      my.waiting[i].outcome = Status.CLOSED;
    }
    for (let i = 0; i < my.flights.length; i++) {
      const call = my.flights[i];
      if (call === null || call === undefined) continue;
      if (call.onDone === null) my.flights[i] = null;
      call.phase = CallPhase.DONE;
      call.outcome = Status.CLOSED;
    }
    loseLink(Status.CLOSED, false);
    if (my.given.messages !== undefined) my.given.messages.end();
    if (my.timer) clearTimeout(my.timer);
    for (let i = 0; i < my.apps.length; i++) my.apps[i].text = "";
    my.secret = "";
    my.dice = "";
    my.macKey = [];
    my.sealKey = "";
    try {
      drain();
    } finally {
      my.isTurning = wasTurning;
    }
  }
}
