import type { KoaContextWithOIDC } from "oidc-provider";
import type { Context, Middleware } from "./context.js";
import { deviceCodePage } from "./device-pages.js";
import { DEVICE_PAGE, ENDPOINTS } from "./endpoints.js";
import { otherUserPage } from "./pages.js";

/** Of a form that a script would send at once: everything from its first tag to the fallback without a script. */
const FORM = /<form .*?(?=<noscript>)/s;

const ENDS_SESSION = `${ENDPOINTS.end_session_endpoint}/confirm"`;

/** oidc-provider sends people on to its own pages by scripts: ours ask them to go on. */
export function scriptFree(): Middleware {
  return async (ctx, next) => {
    await next();
    const form = typeof ctx.body === "string" ? FORM.exec(ctx.body)?.[0] : undefined;
    if (form === undefined) return;
    if (ctx.path === DEVICE_PAGE) deviceCodePage(ctx as KoaContextWithOIDC, codeIn(ctx));
    else if (form.includes(ENDS_SESSION)) otherUserPage(ctx, `${form}</form>`);
  };
}

function codeIn(ctx: Context): string {
  return String((ctx as KoaContextWithOIDC).oidc.params?.user_code ?? "");
}
