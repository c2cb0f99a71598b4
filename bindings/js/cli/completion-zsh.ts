/** Completion for zsh, by its own _arguments. */

import { type Argument, ASSIGNMENTS, type CompletedCommand, type CompletedOption, OWN } from "./completion-data.ts";

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** Text in a specification, where brackets and colons have a meaning. */
const plain = (text: string): string => text.replaceAll(/[[\]:\\]/g, "\\$&");

/** The action of a specification. */
function action(argument: Argument): string {
  switch (argument.kind) {
    case "words":
      return `(${argument.words.join(" ")})`;
    case "file":
      return argument.endings.length === 0 ? "_files" : `_files -g "*.(${argument.endings.join("|")})(-.)"`;
    case "folder":
      return "_files -/";
    case "assignment":
      return "_rqvae_assignments";
    case "other":
      return " ";
  }
}

function specification({ name, short, about, needs, argument, repeats }: CompletedOption): string {
  const tail = `[${plain(about)}]`;
  const value = `${plain(name)}:${action(argument)}`;
  const long =
    needs === "value"
      ? `--${name}=${tail}:${value}`
      : needs === "word"
        ? `--${name}=-${tail}::${value}`
        : `--${name}${tail}`;
  if (short === undefined) return quoted(`${repeats ? "*" : ""}${long}`);
  const brief = `-${short}${needs === "value" ? `+${tail}:${value}` : tail}`;
  const exclusive = repeats ? "*" : `(-${short} --${name})`;
  return [brief, long].map((each) => quoted(exclusive + each)).join(" ");
}

function commandCase({ name, options, positionals, repeats }: CompletedCommand): string {
  const places = positionals.map((argument, i) => {
    const at = repeats && i === positionals.length - 1 ? "*" : String(i + 1);
    return quoted(`${at}:argument:${action(argument)}`);
  });
  return `        ${name})
          _arguments -s ${[...options.map(specification), ...places].join(" \\\n            ")} ;;`;
}

export function zshCompletion(commands: readonly CompletedCommand[]): string {
  const described = commands.map(({ name, about }) => `    ${quoted(`${name}:${about.replaceAll(":", "\\:")}`)}`);
  const own = OWN.map(({ name, short, about }) =>
    [`-${short}`, `--${name}`].map((each) => quoted(`(- *)${each}[${about}]`)).join(" "),
  );
  return `#compdef rqvae
# Completion of rqvae for zsh, made by: rqvae completion zsh
# Write it to a folder of $fpath under the name _rqvae, or put this line into
# ~/.zshrc, after compinit:  source <(rqvae completion zsh)

_rqvae_commands() {
  local commands=(
${described.join("\n")}
  )
  _describe command commands
}

# --set name=value,value
_rqvae_assignments() {
  local names=(
${ASSIGNMENTS.map(({ name, about }) => `    ${quoted(`${name}:${about.replaceAll(":", "\\:")}`)}`).join("\n")}
  )
  if compset -P 1 '*='; then
    local name=\${\${IPREFIX%=}##*=}
    local -a words
    case $name in
${ASSIGNMENTS.filter(({ words }) => words.length > 0)
  .map(({ name, words }) => `      ${name}) words=(${words.join(" ")}) ;;`)
  .join("\n")}
    esac
    compset -P '*,'
    (( $#words )) && compadd -a words
  else
    _describe -V option names -S =
  fi
}

_rqvae() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C ${own.join(" ")} '1:command:_rqvae_commands' '*::argument:->argument' && return
  case $state in
    argument)
      case $words[1] in
        help) _arguments '1:command:_rqvae_commands' ;;
${commands.map(commandCase).join("\n")}
      esac ;;
  esac
}

if [[ $funcstack[1] == _rqvae ]]; then _rqvae "$@"; else compdef _rqvae rqvae; fi
`;
}
