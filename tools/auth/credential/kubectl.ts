/** Kubernetes' exec plug-ins (client.authentication.k8s.io/v1): the question is in a variable, the answer on stdout. */
import * as v from "valibot";
import type { Context } from "../../cli/act.js";
import { printable, usage } from "../../cli/failure.js";
import type { AudienceFlags } from "../audience-flag.js";
import { freshToken } from "../token/run.js";
import { isoTime } from "../told.js";

/** The flags of `motekey auth credential kubectl`. */
export interface KubectlFlags extends AudienceFlags {
  readonly host?: readonly string[];
}

const GROUP = "client.authentication.k8s.io";
const InfoSchema = v.object({
  apiVersion: v.string(),
  kind: v.literal("ExecCredential"),
  spec: v.optional(v.object({ cluster: v.optional(v.object({ server: v.string() })) })),
});

/** Prints an ExecCredential. */
export async function kubectlCredential(
  context: Context,
  { host: hosts, audience }: KubectlFlags,
): Promise<void> {
  const info = infoOf(context.system.env.KUBERNETES_EXEC_INFO);
  const apiVersion = info?.apiVersion ?? `${GROUP}/v1`;
  if (apiVersion !== `${GROUP}/v1` && apiVersion !== `${GROUP}/v1beta1`) {
    throw usage(
      `kubectl asks for ${printable(apiVersion, 100)}.`,
      `Set apiVersion: ${GROUP}/v1 in the kubeconfig.`,
    );
  }
  if (hosts !== undefined) checkServer(info?.spec?.cluster?.server, hosts);
  const { token, expiresAtMs } = await freshToken(context, audience);
  const end = isoTime(expiresAtMs);
  const status = { token, ...(end !== null && { expirationTimestamp: end }) };
  const credential = { apiVersion, kind: "ExecCredential", status };
  context.output.print(credential, JSON.stringify(credential));
}

function infoOf(text: string | undefined): v.InferOutput<typeof InfoSchema> | null {
  if (text === undefined || text === "") return null;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // Reported below, without the parser's words.
  }
  const result = v.safeParse(InfoSchema, content);
  if (result.success) return result.output;
  throw usage("KUBERNETES_EXEC_INFO holds no ExecCredential.", "kubectl sets it; unset it to try by hand.");
}

function checkServer(server: string | undefined, hosts: readonly string[]): void {
  if (server === undefined)
    throw usage(
      "kubectl does not say which server it asks for.",
      "Set provideClusterInfo: true in the kubeconfig.",
    );
  const url = URL.canParse(server) ? new URL(server) : null;
  if (url?.protocol === "https:" && hosts.includes(url.host)) return;
  throw usage(
    `${printable(server, 200)} is not among the hosts that the token is for.`,
    "Check the server of the kubeconfig, and --host.",
  );
}
