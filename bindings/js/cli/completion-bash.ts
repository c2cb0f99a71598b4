/** Completion for bash 3.2 and later, with nothing but what is built in. */

import { type Argument, ASSIGNMENTS, type CompletedCommand, type CompletedOption, OWN } from "./completion-data.ts";

/** A call that adds what fits to the replies; nothing where anything may stand. */
function offer(argument: Argument): string {
  switch (argument.kind) {
    case "words":
      return `_rqvae_words ${argument.words.join(" ")}`;
    case "file":
      return ["_rqvae_files", ...argument.endings].join(" ");
    case "folder":
      return "_rqvae_folders";
    case "assignment":
      return "_rqvae_assignments";
    case "other":
      return ":";
  }
}

const spellings = ({ name, short }: Pick<CompletedOption, "name" | "short">): string[] => [
  ...(short === undefined ? [] : [`-${short}`]),
  `--${name}`,
];

function commandCase({ name, options, positionals, repeats }: CompletedCommand): string {
  const taking = options.filter(({ needs }) => needs === "value");
  const values = options
    .filter(({ needs }) => needs !== "nothing")
    .map((option) => {
      // A switch has a word behind an equals sign only.
      const labels = option.needs === "value" ? [...spellings(option), `--${option.name}=`] : [`--${option.name}=`];
      return `        ${labels.join(" | ")}) ${offer(option.argument)} ; return ;;`;
    });
  const places = positionals.map((argument, i) => {
    const isLast = i === positionals.length - 1;
    return `        ${isLast && repeats ? "*" : i}) ${offer(argument)} ;;`;
  });
  return `    ${name})
      flags="${options.map((option) => `--${option.name}`).join(" ")}"
      takes=" ${taking.flatMap(spellings).join(" ")} "
      case $option in
${values.join("\n")}
      esac
      [[ $cur == -* ]] && { _rqvae_words $flags; return; }
      _rqvae_count "$takes"
      case $place in
${places.join("\n")}
      esac
      ;;`;
}

export function bashCompletion(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name);
  const own = OWN.map(({ name }) => `--${name}`);
  const assignments = ASSIGNMENTS.filter(({ words }) => words.length > 0);
  return `# Completion of rqvae for bash, made by: rqvae completion bash
# To use it in every shell, write it to ~/.local/share/bash-completion/completions/rqvae,
# or put this line into ~/.bashrc:  source <(rqvae completion bash)

_rqvae_words() {
  local word
  for word; do
    [[ $word == "$value"* ]] && COMPREPLY+=("$lead$word")
  done
}

# Files whose names have one of these endings, and folders; all files where no name has.
_rqvae_files() {
  local file ending others=()
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    if [[ -d $file ]]; then COMPREPLY+=("$lead$file"); continue; fi
    others+=("$lead$file")
    for ending; do
      [[ $file == *."$ending" ]] && { COMPREPLY+=("$lead$file"); break; }
    done
  done < <(compgen -f -- "$value")
  for file in "\${COMPREPLY[@]}"; do
    [[ -d \${file#"$lead"} ]] || return 0
  done
  ((\${#others[@]})) && COMPREPLY+=("\${others[@]}")
  return 0
}

_rqvae_folders() {
  local folder
  compopt -o filenames 2>/dev/null
  while IFS= read -r folder; do COMPREPLY+=("$lead$folder"); done < <(compgen -d -- "$value")
}

# --set name=value,value
_rqvae_assignments() {
  if [[ $value != *=* ]]; then
    compopt -o nospace 2>/dev/null
    _rqvae_words ${ASSIGNMENTS.map(({ name }) => `${name}=`).join(" ")}
    return
  fi
  local name=\${value%%=*} list=\${value#*=}
  lead+=$name= value=$list
  if [[ $list == *,* ]]; then lead+=\${list%,*}, value=\${list##*,}; fi
  case $name in
${assignments.map(({ name, words }) => `    ${name}) _rqvae_words ${words.join(" ")} ;;`).join("\n")}
  esac
}

# How many arguments stand before this one; $1 are the options that have a value.
_rqvae_count() {
  local i
  place=0
  for ((i = 1; i < n - 1; i++)); do
    if [[ $1 == *" \${words[i]} "* ]]; then ((i++))
    elif [[ \${words[i]} != -* ]]; then place=$((place + 1)); fi
  done
  return 0
}

_rqvae() {
  local words=() n=0 i word
  COMPREPLY=()
  # Bash may have cut words at their equals signs.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((n > 0)) && [[ $word == = || \${COMP_WORDS[i - 1]} == = ]]; then words[n - 1]+=$word
    else words[n++]=$word; fi
  done
  local cur=\${words[n - 1]} flags= takes= place=0
  local option= lead= value=$cur
  ((n > 1)) && option=\${words[n - 2]}
  if [[ $cur == --*=* ]]; then option=\${cur%%=*}= lead=\${cur%%=*}= value=\${cur#*=}; fi
  _rqvae_command
  # What bash has cut off stays where it is.
  if [[ $cur == *=* && $COMP_WORDBREAKS == *=* ]]; then
    for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"\${cur%=*}="}; done
  fi
  return 0
}

_rqvae_command() {
  if ((n == 1)); then
    _rqvae_words ${[...names, "help"].join(" ")}
    [[ $cur == -* ]] && _rqvae_words ${own.join(" ")}
    return
  fi
  case \${words[0]} in
    help) ((n == 2)) && _rqvae_words ${names.join(" ")} ;;
${commands.map(commandCase).join("\n")}
  esac
}

complete -F _rqvae rqvae
`;
}
