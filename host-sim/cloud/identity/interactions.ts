import type Provider from "oidc-provider";
import type { Interaction } from "oidc-provider";
import { readBody } from "../body.js";
import type { Context, Middleware } from "./context.js";
import type { Directory } from "./directory.js";
import { INTERACTION_PAGES } from "./endpoints.js";
import type { Logins } from "./logins.js";
import { consentPage, failurePage, loginPage } from "./pages.js";
import { profileOf } from "./profile.js";
import type { IdentityEvent, User } from "./types.js";

/** What the pages for signing in and consenting work with. */
export interface InteractionParts {
  provider: Provider;
  directory: Directory;
  logins: Logins;
  tell: (event: IdentityEvent) => void;
}

/** One visit to a page: what is asked, by which client. */
interface Visit extends InteractionParts {
  ctx: Context;
  interaction: Interaction;
  client: string;
  clientName: string;
}

const FORM_BYTES_MAX = 16_384;
const GONE = {
  error: "session_expired",
  error_description: "This sign-in has ended, or this browser does not keep cookies.",
};
const DENIED = { error: "access_denied", error_description: "The user refused" };

/** The pages that oidc-provider sends people to: sign in, then consent. GET shows one, POST answers it. */
export function interactionPages(parts: InteractionParts): Middleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(`${INTERACTION_PAGES}/`)) return next();
    const visit = await visitOf(parts, ctx);
    if (visit === null) {
      ctx.status = 400;
      failurePage(ctx, GONE);
    } else if (ctx.method === "POST") await answer(visit);
    else show(visit, false);
  };
}

async function answer(visit: Visit): Promise<void> {
  const answers = new URLSearchParams((await readBody(visit.ctx.req, FORM_BYTES_MAX))?.toString("utf8"));
  if (answers.get("answer") !== "yes") await deny(visit);
  else if (visit.interaction.prompt.name === "login") await logIn(visit, answers);
  else await consent(visit, answers);
}

async function visitOf(parts: InteractionParts, ctx: Context): Promise<Visit | null> {
  let interaction: Interaction;
  try {
    interaction = await parts.provider.interactionDetails(ctx.req, ctx.res);
  } catch {
    return null;
  }
  const client = String(interaction.params.client_id);
  const clientName = (await parts.provider.Client.find(client))?.clientName ?? client;
  return { ...parts, ctx, interaction, client, clientName };
}

function show(visit: Visit, wrong: boolean, typed?: string): void {
  const { ctx, interaction, clientName: client } = visit;
  if (interaction.prompt.name === "login") {
    const username = typed ?? String(interaction.params.login_hint ?? "");
    loginPage(ctx, { client, username, wrong });
  } else {
    const profile = profileOf(visit.directory, userOf(visit), undefined);
    consentPage(ctx, { client, profile, scopes: scopesOf(interaction) });
  }
}

async function logIn(visit: Visit, answers: URLSearchParams): Promise<void> {
  const username = answers.get("username") ?? "";
  const user = await visit.directory.logIn(username, answers.get("password") ?? "");
  visit.tell({ event: "login", username, ok: user !== null, by: "page" });
  if (user === null) show(visit, true, username);
  else await finish(visit, { login: { accountId: user.id, amr: ["pwd"] } }, false);
}

async function consent(visit: Visit, answers: URLSearchParams): Promise<void> {
  const { provider, directory, logins, interaction, client } = visit;
  const user = userOf(visit);
  // A grant of its own for each login: revoking it, or switching its organization, leaves the others alone.
  const grant = new provider.Grant({ accountId: user.id, clientId: client });
  grant.addOIDCScope([...scopesOf(interaction)].join(" "));
  const grantId = await grant.save();
  const chosen = answers.get("organization") ?? undefined;
  const { organization } = profileOf(directory, user, chosen);
  if (organization !== null) logins.choose(grantId, organization.guid);
  visit.tell({
    event: "consent",
    account: user.id,
    client,
    organization: organization?.name ?? "",
    ok: true,
  });
  await finish(visit, { consent: { grantId } }, true);
}

async function deny(visit: Visit): Promise<void> {
  const { interaction, client } = visit;
  const account = interaction.session?.accountId ?? "";
  visit.tell({ event: "consent", account, client, organization: "", ok: false });
  await finish(visit, DENIED, false);
}

async function finish(
  visit: Visit,
  result: Parameters<Provider["interactionResult"]>[2],
  mergeWithLastSubmission: boolean,
): Promise<void> {
  const { ctx, provider } = visit;
  const to = await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission });
  ctx.redirect(to);
  ctx.status = 303;
}

function userOf({ directory, interaction }: Visit): User {
  const user = directory.user(interaction.session?.accountId ?? "");
  if (user === undefined) throw new Error("A consent was asked for without a user");
  return user;
}

function scopesOf(interaction: Interaction): ReadonlySet<string> {
  return new Set(String(interaction.params.scope ?? "").split(" "));
}
