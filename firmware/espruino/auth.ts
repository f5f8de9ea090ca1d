import { State } from "../auth.js";
import { RecordKind } from "../keep/record.js";
import { DEFAULT_LIMITS } from "../limits.js";
import { Status } from "../status.js";
import type { LeanAuth, LeanCarrier, LeanExplanation, LeanHost, LeanOptions, OnAnswer } from "./api.js";
import { ask, cloudAddress, nextPacket, writeDown } from "./calls.js";
import { AppHost } from "./host.js";
import { keepHost, openPages, putTokens } from "./ledger.js";
import { stopLink } from "./link.js";
import { identityOf } from "./options.js";
import { hmac, keyOf, random, seed, unit } from "./proofs.js";
import { kept, Slots } from "./records.js";
import { CallPhase, Method, my, Phase, renew, SECONDS_MAX } from "./state.js";
import { mqttPacket, quoted, text } from "./text.js";
import { hostNamed, isHostName } from "./tokens.js";
import { now, soon, stateNow, tellOne, tellState } from "./turns.js";

/** Tells all that is to be told, the rest too when a callback throws. */
function drain(): void {
  let isLeft = true;
  try {
    while (tellOne() || tellState());
    isLeft = false;
  } finally {
    if (isLeft) drain();
  }
}

/** What the app's messages have of the core. */
function carrier(id: string): LeanCarrier {
  return {
    id,
    now,
    soon,
    nextPacket,
    text,
    send: (first, body) => {
      const most = Math.min(my.bounds.sendBytes ?? DEFAULT_LIMITS.sendBytes, 16386);
      if (body.length + 3 > most) return Status.TOO_LONG;
      if (my.queued + my.outbox.length + body.length + 3 > most) return Status.BUSY;
      my.outbox += mqttPacket(first, body);
      return Status.OK;
    },
  };
}

/** A device's client of the Auth service: one runs at a time, and its state is the module's (`state`). */
export class Auth implements LeanAuth {
  constructor(options: LeanOptions) {
    const who = identityOf(options);
    const cloud = options.cloud;
    const proof = who.proof.split("+");
    const counter = options.credential?.counter;
    const isMac = proof.indexOf("mac") >= 0;
    const latest = counter === undefined ? 0 : counter - 1;
    if (my !== undefined && !my.isClosed) throw new Error("motekey: close the client that runs");
    if (options.messages !== undefined) options.messages.bind(carrier(who.deviceId));
    seed(kept() + who.psk);
    renew({
      // What every turn looks at comes first: the engine searches its names one by one.
      nowMs: 0,
      heardOfMs: 0,
      phase: Phase.RESTING,
      isTurning: false,
      waiting: [],
      flights: [],
      apps: [],
      outbox: "",
      isMac,
      bounds: options.limits ?? {},
      given: options,
      us: who.deviceId,
      secretText: who.psk,
      connectProof: proof[0],
      isKeyed: proof.indexOf("key") >= 0,
      strangerAt: -1000,
      secret: keyOf(who.psk === "" ? random(16) : who.psk),
      lastId: unit(random(6)) * 281474976710656,
      clock: Math.round(getTime() * 1000),
      armedAt: Infinity,
      asked: { why: 0, code: 0, order: 0 },
      lost: { why: 0, code: 0, order: 0 },
      order: 0,
      lastPacket: 0,
      lastLoss: Status.OK,
      told: State.SUSPENDED,
      place: 0,
      nextPlace: 0,
      refusals: 0,
      failures: 0,
      heardAt: -1,
      socket: null,
      onState: null,
      latest,
      reserved: isMac || proof[0] === "counter" ? latest : SECONDS_MAX,
      counters: null,
      pages: [],
    });
    my.ownerText = hmac(
      keyOf(who.psk),
      `${who.deviceId}\n${cloud.host}:${cloud.port ?? 1883}\n${cloudAddress()}\0\0\0\0`,
    ).substr(0, 4);
    for (let i = 0; i < (my.bounds.hosts ?? DEFAULT_LIMITS.hosts); i++)
      my.pages.push(new Slots(`motekey-h${i}`, RecordKind.VACANT, RecordKind.TOKEN));
    openPages();
    this.resume();
  }

  get state(): State {
    return stateNow();
  }

  /** Told of each change of {@link state}. */
  set onState(onState: ((state: State) => void) | null) {
    my.onState = onState;
  }

  host(name: string): LeanHost {
    const known = hostNamed(name);
    const host = known ?? new AppHost(name);
    let claimed = 0;
    for (let i = 0; i < my.apps.length; i++) if (my.apps[i].isClaimed) claimed++;
    if (!isHostName(name)) throw new Error("motekey: host");
    if (!host.isClaimed && claimed >= my.pages.length) throw new Error("motekey: raise limits.hosts");
    if (known === null) my.apps.push(host);
    host.isClaimed = true;
    return host as AppHost;
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
    stopLink(Status.SUSPENDED);
    soon();
  }

  resume(): void {
    if (my.isClosed) return;
    my.heardOfMs = now();
    if (my.phase === Phase.RESTING) {
      my.phaseEnds = my.nowMs;
      my.phase = Phase.WAITING;
      writeDown(my.lost, Status.OK, 0);
    }
    soon();
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
    return { status: isForgetful ? Status.STORE_FAILED : latest.why, code: latest.code };
  }

  close(): void {
    if (my.isClosed) return;
    const wasTurning = my.isTurning;
    my.isTurning = true;
    my.isClosed = true;
    now();
    for (let i = 0; i < my.apps.length; i++) keepHost(my.apps[i]);
    putTokens();
    for (let i = 0; i < my.waiting.length; i++) {
      my.waiting[i].isDone = true;
      my.waiting[i].status = Status.CLOSED;
    }
    for (let i = 0; i < my.flights.length; i++) {
      const call = my.flights[i];
      if (call === null || call === undefined) continue;
      if (call.onDone === null) my.flights[i] = null;
      call.phase = CallPhase.DONE;
      call.status = Status.CLOSED;
    }
    stopLink(Status.CLOSED);
    if (my.given.messages !== undefined) my.given.messages.end();
    if (my.timer) clearTimeout(my.timer);
    for (let i = 0; i < my.apps.length; i++) my.apps[i].token = "";
    my.macKey = my.secret;
    try {
      drain();
    } finally {
      my.isTurning = wasTurning;
    }
  }
}
