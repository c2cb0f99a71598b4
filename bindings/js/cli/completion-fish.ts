/** Completion for fish 3 and later. */

import { type Argument, ASSIGNMENTS, type CompletedCommand, type CompletedOption, OWN } from "./completion-data.ts";

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, "\\$&")}'`;

/** What is offered for an argument, as an argument of `complete -a`; undefined where anything may stand. */
function offer(argument: Argument): string | undefined {
  switch (argument.kind) {
    case "words":
      return quoted(argument.words.join(" "));
    case "file":
      return quoted(`(${["__rqvae_files", ...argument.endings].join(" ")})`);
    case "folder":
      return quoted("(__fish_complete_directories (__rqvae_token))");
    case "assignment":
      return quoted("(__rqvae_assignments)");
    case "other":
      return undefined;
  }
}

function optionLine(command: string, { name, short, about, needs, argument }: CompletedOption): string {
  const words = ["complete -c rqvae -n", quoted(`__rqvae_is ${command}`), "-l", name];
  if (short !== undefined) words.push("-s", short);
  if (needs === "value") words.push("-x");
  const offered = needs === "nothing" ? undefined : offer(argument);
  // A switch needs no word: those it may have come behind its equals sign.
  if (offered !== undefined) words.push(needs === "value" ? "-k" : "-f", "-a", offered);
  return [...words, "-d", quoted(about)].join(" ");
}

function commandLines(command: CompletedCommand): string[] {
  const offers = new Set(command.positionals.map(offer).filter((each) => each !== undefined));
  return [
    ...command.options.map((option) => optionLine(command.name, option)),
    ...[...offers].map((each) => `complete -c rqvae -n ${quoted(`__rqvae_is ${command.name}`)} -k -a ${each}`),
  ];
}

export function fishCompletion(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  return `# Completion of rqvae for fish, made by: rqvae completion fish
# Write it to ~/.config/fish/completions/rqvae.fish

function __rqvae_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

# The word under the cursor, without --option=
function __rqvae_token
    commandline -ct | string replace -r '^--[^=]*=' ''
end

# Files whose names have one of these endings, and folders; all files where no name has.
function __rqvae_files
    set -l all (__fish_complete_path (__rqvae_token))
    set -l fitting $all
    if set -q argv[1]
        set fitting (string match -r '^[^\\t]*\\.(?:'(string join '|' $argv)')(?:\\t.*)?$' -- $all)
        set -q fitting[1]; or set fitting $all
    end
    string match -r '^[^\\t]*/(?:\\t.*)?$' -- $all
    string match -rv '^[^\\t]*/(?:\\t.*)?$' -- $fitting
end

# --set name=value,value
function __rqvae_assignments
    set -l token (__rqvae_token)
    set -l name (string split -m 1 = -- $token)[1]
    if not string match -q '*=*' -- $token
        printf '%s=\\t%s\\n' ${ASSIGNMENTS.map(({ name, about }) => `${name} ${quoted(about)}`).join(" \\\n            ")}
        return
    end
    # What stands before the last comma stays.
    set -l lead (string replace -r '[^=,]*$' '' -- $token)
    switch $name
${ASSIGNMENTS.filter(({ words }) => words.length > 0)
  .map(({ name, words }) => `        case ${name}\n            printf '%s\\n' $lead{${words.join(",")}}`)
  .join("\n")}
    end
    return 0
end

function __rqvae_has_no_command
    test (count (commandline -opc)) -eq 1
end

complete -c rqvae -f
${OWN.map(({ name, short, about }) => `complete -c rqvae -n __rqvae_has_no_command -l ${name} -s ${short} -d ${quoted(about)}`).join("\n")}
${commands.map(({ name, about }) => `complete -c rqvae -n __rqvae_has_no_command -a ${name} -d ${quoted(about)}`).join("\n")}
complete -c rqvae -n '__rqvae_is help' -a ${quoted(names)}
${commands.flatMap(commandLines).join("\n")}
`;
}
