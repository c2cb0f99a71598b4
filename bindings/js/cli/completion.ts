import { type Command, suggest, UsageError } from "./command.ts";
import { bashCompletion } from "./completion-bash.ts";
import { type CompletedCommand, completionsOf } from "./completion-data.ts";
import { fishCompletion } from "./completion-fish.ts";
import { zshCompletion } from "./completion-zsh.ts";
import { generalOptions } from "./outputs.ts";

const SHELLS: Readonly<Record<string, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** @param commands All of the program's, this one included. */
export const completion = (commands: () => readonly Command[]): Command => ({
  name: "completion",
  summary: "Print a script that completes command lines in bash, zsh or fish.",
  positionals: ["<shell>"],
  words: Object.keys(SHELLS),
  options: { General: { help: generalOptions.help! } },
  notes: `<shell> is bash, zsh or fish. The script completes commands, options and their
values, names after --set, and files by the ends of their names. It works where
the shell finds a program called rqvae: after npm install --global rqvae.

To try it:   source <(rqvae completion bash)
To keep it:
  rqvae completion bash > ~/.local/share/bash-completion/completions/rqvae
  rqvae completion zsh > "\${fpath[1]}/_rqvae"
  rqvae completion fish > ~/.config/fish/completions/rqvae.fish
`,
  async run({ positionals }) {
    const shell = positionals[0]!;
    const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
    if (!script) {
      const known = Object.keys(SHELLS);
      throw new UsageError(`<shell> must be one of ${known.join(", ")}, but is "${shell}"${suggest(shell, known)}`);
    }
    process.stdout.write(script(completionsOf(commands())));
    return 0;
  },
});
