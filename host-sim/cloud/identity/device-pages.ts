import type { Client, KoaContextWithOIDC } from "oidc-provider";
import { DEVICE_PAGE } from "./endpoints.js";
import { answerPage, Html, html } from "./html.js";

/**
 * Asks for the code that the device shows (RFC 8628 section 3.3).
 * @param code filled in already, where the address brought it (section 3.3.1)
 */
export function deviceCodePage(ctx: KoaContextWithOIDC, code = "", alarm?: string): void {
  const session = ctx.oidc.session as unknown as { state: { secret: string } };
  answerPage(
    ctx,
    "Connect a device",
    html`${alarm !== undefined && html`<p class="alarm" id="alarm" role="alert">${alarm}</p>`}
<p>${code === "" ? "Enter the code that your device or terminal shows." : "Your device or terminal must show this very code."}</p>
<form method="post" action="${DEVICE_PAGE}">
<input type="hidden" name="xsrf" value="${session.state.secret}">
<label for="code">Code</label>
<input class="code" type="text" id="code" name="user_code" value="${code}" required autofocus autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="16" ${alarm !== undefined && new Html('aria-invalid="true" aria-describedby="alarm"')}>
<button>Continue</button>
</form>`,
  );
}

/** What to say about a refused code. */
export function deviceAlarm(failure: Error): string {
  if (failure.name === "AbortedError") return "You refused the device. Nothing was given to it.";
  if (failure.name === "ExpiredError") return "This code has expired. Ask your device for a new one.";
  if (failure.name === "AlreadyUsedError")
    return "This code was used already. Ask your device for a new one.";
  if (failure.name === "NoCodeError") return "Enter a code.";
  return "This code is not known. Check it, and try again.";
}

/** Asks whether the code is the one that the device shows. @param form the form that answers */
export function deviceConfirmPage(
  ctx: KoaContextWithOIDC,
  form: string,
  client: Client,
  info: { ip?: unknown },
  code: string,
): void {
  answerPage(
    ctx,
    "Is this your device?",
    html`<p>${client.clientName ?? client.clientId}${info.ip !== undefined && html` at ${info.ip}`} asks for access, and must show this code:</p>
<code class="big">${code}</code>
<p class="soft">If it shows another one, or somebody sent it to you, refuse.</p>
${new Html(form)}
<button form="op.deviceConfirmForm">It shows this code</button>
<button class="second" form="op.deviceConfirmForm" name="abort" value="yes">Refuse</button>`,
  );
}

/** Says that the device has what it asked for. */
export function deviceDonePage(ctx: KoaContextWithOIDC): void {
  answerPage(
    ctx,
    "Device connected",
    html`<p>Go back to it: it goes on by itself. You can close this page.</p>`,
  );
}
