/** The login in a browser: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 8252). */
import * as oidc from "openid-client";
import { Failure, printable } from "../cli/failure.js";
import type { Output } from "../cli/output.js";
import { askLine, hasTerminal } from "../cli/prompt.js";
import type { System } from "../cli/system.js";
import { waitFor, whichever } from "../cli/wait.js";
import { asking } from "./failure.js";
import { Loopback } from "./loopback.js";
import { GRANTS, needGrant, type Provider } from "./provider.js";
import { type Tokens, tokensOf } from "./tokens.js";

const LIMIT_MS = 2 * 60_000;

/** How to log in. */
export interface BrowserLogin {
  readonly scope: string;
  /** Opens the browser; otherwise its address is printed, and the answer may be pasted. */
  readonly launch: boolean;
  /** Has the provider ask who it is, although the browser is signed in. */
  readonly force: boolean;
}

/** @throws Failure when it was denied, took more than 2 minutes, or the answer is not to be trusted */
export async function logInByBrowser(
  provider: Provider,
  { scope, launch, force }: BrowserLogin,
  system: System,
  output: Output,
): Promise<Tokens> {
  needGrant(provider, GRANTS.code, "login in the browser");
  needS256(provider);
  const checks = {
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    idTokenExpected: true,
  };
  system.secrets.keep(checks.pkceCodeVerifier);
  const loopback = await Loopback.listen(checks.expectedState);
  try {
    const prompts = [force ? "login" : "", scope.split(" ").includes("offline_access") ? "consent" : ""];
    const prompt = prompts.filter((word) => word !== "").join(" ");
    const url = oidc.buildAuthorizationUrl(provider.configuration, {
      redirect_uri: loopback.redirectUri,
      scope,
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: "S256",
      ...(prompt === "" ? {} : { prompt }),
    });
    const late = new Failure(
      "login_timeout",
      "Nobody logged in within 2 minutes.",
      "Try again, or with --no-browser.",
    );
    const answer = await waitFor(
      LIMIT_MS,
      late,
      (ended) => {
        const byHand = show(url, launch, system, output).then((canPaste) =>
          canPaste ? paste(loopback, system, output, ended) : loopback.answer,
        );
        return Promise.race([loopback.answer, byHand]);
      },
      system.interrupted,
    );
    system.secrets.keep(answer.searchParams.get("code"));
    const askedMs = system.now();
    const response = await asking(provider, () =>
      oidc.authorizationCodeGrant(provider.configuration, answer, checks),
    );
    return tokensOf(response, askedMs, scope);
  } finally {
    await loopback.close();
  }
}

/** PKCE's `plain` shows the verifier to whoever sees the request. */
function needS256({ issuer, metadata }: Provider): void {
  const methods = metadata.code_challenge_methods_supported;
  if (methods === undefined || methods.includes("S256")) return;
  throw new Failure(
    "not_supported",
    `${issuer} has no PKCE with S256.`,
    "Use --device-code, or another provider.",
  );
}

/**
 * Prints the address, and opens it where that is wanted.
 * @returns true where the answer may be pasted; never while a browser seems to have opened
 */
async function show(url: URL, launch: boolean, system: System, output: Output): Promise<boolean> {
  const address = `Please open this URL in your browser to authenticate:\n${printable(url.href, 4000)}\n`;
  if (launch) {
    output.request(
      `Opening the browser. If no page appears, open this URL yourself:\n${printable(url.href, 4000)}\n\nWaiting for authentication...`,
    );
    try {
      await system.openBrowser(url.href);
      return false;
    } catch (failure) {
      output.note(`The browser did not open: ${printable((failure as Error).message, 200)}.`);
    }
  }
  const canPaste = hasTerminal(system);
  const paste = canPaste
    ? "On another machine the last page cannot be shown: paste its address here.\n"
    : "The last page can be shown on this machine only.\n";
  output.request(launch ? paste : `${address}\n${paste}Waiting for authentication...`);
  return canPaste;
}

/** Takes the address of the last page, until one is right. Rejects on Ctrl-C, which is a key while it asks. */
async function paste(loopback: Loopback, system: System, output: Output, ended: AbortSignal): Promise<URL> {
  const expected = new URL(loopback.redirectUri);
  for (;;) {
    const text = (await askLine(system, "", whichever(ended, loopback.answered))).trim();
    const answer = URL.canParse(text) ? new URL(text) : null;
    const isOurs = answer?.origin === expected.origin && answer.pathname === expected.pathname;
    if (answer !== null && isOurs && loopback.take(answer)) return answer;
    output.request(
      `This is not the answer: it begins with ${loopback.redirectUri}?… and belongs to this login.`,
    );
  }
}
