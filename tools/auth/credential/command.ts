import { Command } from "commander";
import type { Act } from "../../cli/act.js";
import { withHelp } from "../../cli/help.js";
import { withAccount } from "../account-flag.js";
import { withAudience } from "../audience-flag.js";
import type { GitFlags } from "./git.js";
import type { KubectlFlags } from "./kubectl.js";

const listed = (host: string, before: readonly string[] = []): string[] => [...before, host.toLowerCase()];

/** `motekey auth credential …` */
export function credentialCommand(act: Act): Command {
  const command = new Command("credential")
    .summary("hand the token to git or kubectl")
    .description("Answers programs that ask a helper for a credential, each in its own format.")
    .helpCommand(false);
  command.addCommand(gitCommand(act));
  command.addCommand(kubectlCommand(act));
  return withHelp(command, {
    examples: [["motekey auth credential git --help", "How to set git up"]],
  });
}

function gitCommand(act: Act): Command {
  const command = new Command("git")
    .summary("be git's credential helper")
    .description(
      "Answers git's credential helper protocol (gitcredentials(7), git-credential(1)) for the hosts that are named here, and for no other. A token that git found refused is refreshed.",
    )
    .argument(
      "<operation>",
      "what git asks for: get, store or erase; others are ignored, as the protocol wants",
    )
    .requiredOption(
      "--host <host>",
      "a host, with its port where git's address has one; may be given again",
      listed,
    )
    .option("--git-user <name>", "the user name beside the token, as the server wants it", "oauth2");
  act<GitFlags>(withAudience(withAccount(command)), async () => (await import("./git.js")).gitCredential);
  return withHelp(command, {
    examples: [
      [
        "git config --global credential.https://git.example.com.helper '!motekey auth credential git --host git.example.com'",
        "For a host, once",
      ],
      ["git config --global --unset-all credential.https://git.example.com.helper", "No longer"],
    ],
    notes: [
      "The token goes over https:// only; http:// is for this machine. Nothing is answered for another host, whatever a repository's configuration says: git then asks its next helper.",
    ],
  });
}

function kubectlCommand(act: Act): Command {
  const command = new Command("kubectl")
    .summary("be kubectl's exec plug-in")
    .description(
      "Prints an ExecCredential (client.authentication.k8s.io/v1) with a fresh token and its end, for kubectl's exec plug-in.",
    )
    .option(
      "--host <host>",
      "answer for this API server only, with its port; needs provideClusterInfo: true; may be given again",
      listed,
    );
  act<KubectlFlags>(
    withAudience(withAccount(command)),
    async () => (await import("./kubectl.js")).kubectlCredential,
  );
  return withHelp(command, {
    examples: [
      [
        "kubectl config set-credentials motekey --exec-api-version=client.authentication.k8s.io/v1 --exec-interactive-mode=Never --exec-command=motekey --exec-arg=auth --exec-arg=credential --exec-arg=kubectl",
        "A user of a kubeconfig, once",
      ],
    ],
  });
}
