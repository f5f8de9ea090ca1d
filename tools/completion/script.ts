/** Completion scripts, written from the tree of commands: nothing runs while somebody presses Tab. */
import type { Command } from "commander";

/** The shells that there are scripts for. */
export type Shell = "bash" | "zsh" | "fish";

/** One command as shells complete it. */
interface Node {
  /** Its words without the program's name, such as `auth login`; empty for the program itself. */
  readonly path: string;
  readonly children: readonly Word[];
  readonly flags: readonly Word[];
}

interface Word {
  readonly word: string;
  readonly meaning: string;
}

/** The script of a shell. */
export function scriptOf(root: Command, shell: Shell): string {
  const nodes = nodesOf(root, [], flagsOf(root));
  return { bash, zsh, fish }[shell](nodes);
}

function nodesOf(command: Command, path: readonly string[], shared: readonly Word[]): Node[] {
  const children = command.commands.flatMap((child) =>
    [child.name(), ...child.aliases()].map((word) => ({ word, meaning: child.summary() })),
  );
  const own = path.length === 0 ? [] : flagsOf(command);
  const node = { path: path.join(" "), children, flags: [...own, ...shared, HELP] };
  const below = command.commands.flatMap((child) =>
    [child.name(), ...child.aliases()].flatMap((word) => nodesOf(child, [...path, word], shared)),
  );
  return [node, ...below];
}

const HELP: Word = { word: "--help", meaning: "show help" };

function flagsOf(command: Command): Word[] {
  return command.options
    .filter((option) => !option.hidden && option.long != null)
    .map((option) => ({ word: option.long as string, meaning: option.description }));
}

/** The words of each command but the program's, quoted. */
const pathsOf = (nodes: readonly Node[]): string[] =>
  nodes.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);

const words = (list: readonly Word[]): string => list.map(({ word }) => word).join(" ");

function bash(nodes: readonly Node[]): string {
  const cases = nodes.map(
    ({ path, children, flags }) =>
      `    "${path}") [[ $cur == -* ]] && candidates="${words(flags)}" || candidates="${words(children)}" ;;`,
  );
  return `_motekey() {
  local at="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -- ]] && return
    case "\${at:+$at }$word" in
      ${pathsOf(nodes).join(" | ")}) at="\${at:+$at }$word" ;;
    esac
  done
  local cur=\${COMP_WORDS[COMP_CWORD]} candidates=""
  case "$at" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$cur"))
}
complete -o default -F _motekey motekey`;
}

/** Zsh has bash's way of completing built in; descriptions need its own. */
function zsh(nodes: readonly Node[]): string {
  const quoted = (text: string) => text.replaceAll("'", "'\\''").replaceAll(":", "\\:");
  const listed = (list: readonly Word[]) =>
    list.map(({ word, meaning }) => `'${quoted(word)}:${quoted(meaning)}'`).join(" ");
  const cases = nodes.map(
    ({ path, children, flags }) =>
      `    "${path}") if [[ $PREFIX == -* ]]; then candidates=(${listed(flags)}); else candidates=(${listed(children)}); fi ;;`,
  );
  return `#compdef motekey
_motekey() {
  local at="" word i
  local -a candidates
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    [[ $word == -- ]] && return
    case "\${at:+$at }$word" in
      ${pathsOf(nodes).join(" | ")}) at="\${at:+$at }$word" ;;
    esac
  done
  case "$at" in
${cases.join("\n")}
  esac
  if (( \${#candidates} )); then _describe 'motekey' candidates; else _files; fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _motekey "$@"; else compdef _motekey motekey; fi`;
}

function fish(nodes: readonly Node[]): string {
  const quoted = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  const lines = [
    `function __motekey_path
  set -l path ""
  for word in (commandline -opc)[2..-1]
    set -l next (string trim "$path $word")
    switch "$next"
      case ${pathsOf(nodes).join(" ")}
        set path "$next"
    end
  end
  echo "$path"
end`,
  ];
  for (const { path, children, flags } of nodes) {
    const condition = `-n 'test "$(__motekey_path)" = "${path}"'`;
    for (const { word, meaning } of children)
      lines.push(`complete -c motekey ${condition} -f -a '${word}' -d '${quoted(meaning)}'`);
    for (const { word, meaning } of flags)
      lines.push(`complete -c motekey ${condition} -l '${word.slice(2)}' -d '${quoted(meaning)}'`);
  }
  return lines.join("\n");
}
