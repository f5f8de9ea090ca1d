import type { ErrorOut } from "oidc-provider";
import type { Context } from "./context.js";
import { answerPage, Html, html } from "./html.js";
import type { Profile } from "./profile.js";

/** What the sign-in page shows. */
export interface LoginPage {
  /** Who asks: the client's name. */
  client: string;
  /** What was typed before, or what the client hints at (`login_hint`). */
  username: string;
  /** The password was wrong. */
  wrong: boolean;
}

/** Asks for user name and password; posted back to the same address. */
export function loginPage(ctx: Context, { client, username, wrong }: LoginPage): void {
  if (wrong) ctx.status = 401;
  const alarm = html`<p class="alarm" id="wrong" role="alert">Invalid user name or password. Try again.</p>`;
  const focusName = username === "";
  answerPage(
    ctx,
    "Sign in",
    html`<p class="soft">to continue to ${client}</p>
${wrong && alarm}
<form method="post">
<label for="username">User name or email</label>
<input type="text" id="username" name="username" value="${username}" required autocomplete="username" autocapitalize="none" spellcheck="false" ${focusName && "autofocus"}>
<label for="password">Password</label>
<input type="password" id="password" name="password" required autocomplete="current-password" ${!focusName && "autofocus"} ${wrong && new Html('aria-invalid="true" aria-describedby="wrong"')}>
<button name="answer" value="yes">Sign in</button>
<button class="second" name="answer" value="no" formnovalidate>Cancel</button>
</form>`,
  );
}

/** What the consent page shows. */
export interface ConsentPage {
  client: string;
  profile: Profile;
  scopes: ReadonlySet<string>;
}

/** Asks whether the client may act for this user, and in which organization. */
export function consentPage(ctx: Context, { client, profile, scopes }: ConsentPage): void {
  const { name, email, organizations } = profile;
  const wants: Html[] = [html`<li>see your name and email address</li>`];
  if (scopes.has("organization")) wants.push(html`<li>see your organization, your role and your teams</li>`);
  wants.push(html`<li>stay signed in until you log out there</li>`);
  answerPage(
    ctx,
    `Allow ${client}?`,
    html`<p class="who"><i aria-hidden="true">${name.slice(0, 1).toUpperCase()}</i><span><b>${name}</b>${email}</span></p>
<p>It asks to</p>
<ul>${wants}</ul>
<form method="post">
${organizations.length > 1 && organizationChoice(profile)}
<button name="answer" value="yes">Allow</button>
<button class="second" name="answer" value="no">Deny</button>
</form>`,
  );
}

function organizationChoice({ organizations, organization }: Profile): Html {
  const choices = organizations.map(
    ({ guid, name, role }) =>
      html`<label class="choice"><input type="radio" name="organization" value="${guid}" ${guid === organization?.guid && "checked"}>${name}<small>${role}</small></label>`,
  );
  return html`<fieldset><legend>Organization</legend>${choices}</fieldset>`;
}

/** Says what went wrong, in words of the standard and what to do. */
export function failurePage(ctx: Context, { error, error_description: description }: ErrorOut): void {
  answerPage(
    ctx,
    "That did not work",
    html`<p class="alarm" role="alert">${description ?? error}</p>
<p class="soft">Start again from your command line. <code>${error}</code></p>`,
  );
}

/** Asks whether to end the session in this browser. @param form the form that answers */
export function signOutPage(ctx: Context, form: string): void {
  answerPage(
    ctx,
    "Sign out?",
    html`<p>This ends the session in this browser. Logins of the command line stay.</p>
${new Html(form)}
<button form="op.logoutForm" name="logout" value="yes">Sign out</button>
<button class="second" form="op.logoutForm">Stay signed in</button>`,
  );
}

/** Somebody else was signed in in this browser. @param form the form that ends that session and goes on */
export function otherUserPage(ctx: Context, form: string): void {
  answerPage(
    ctx,
    "Change user?",
    html`<p>Somebody else was signed in in this browser. That session ends if you continue.</p>
${new Html(form.replace("<form ", '<form id="other" '))}
<button form="other">Continue</button>`,
  );
}

/** Says that the session has ended. */
export function signedOutPage(ctx: Context): void {
  answerPage(ctx, "Signed out", html`<p>You can close this page.</p>`);
}
