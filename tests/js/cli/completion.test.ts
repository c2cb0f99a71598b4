/** Completion, asked of the shells themselves; zsh and fish where they are installed. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { OPTIONS } from "../../../bindings/js/options/describe.ts";
import { expectError, inFolder, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const has = (shell: string) => spawnSync(shell, ["-c", "exit 0"]).status === 0;
const bash = has("bash");
const zsh = has("zsh");
const fish = has("fish");
if (!zsh) console.warn("zsh is not installed: its completion is not tested");
if (!fish) console.warn("fish is not installed: its completion is not tested");

const script = (shell: string): string => rqvae("completion", shell).stdout;

beforeEach(() => {
  for (const shell of ["bash", "zsh", "fish"]) write(`completion.${shell}`, script(shell));
  for (const name of ["a table.csv", "shop.safetensors", "notes.md"]) write(name, "");
  mkdirSync(inFolder("models"));
});

/** What bash offers for the last word of a line. `breaks` are the characters at which bash cuts words. */
function inBash(words: string[], breaks = " \t\n\"'><=;|&(:"): string[] {
  const program = `source ./completion.bash
    COMP_WORDBREAKS=$1; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
    _rqvae || exit 1
    ((\${#COMPREPLY[@]})) && printf '%s\\n' "\${COMPREPLY[@]}"; exit 0`;
  const said = execFileSync("bash", ["--noprofile", "--norc", "-uc", program, "bash", breaks, "rqvae", ...words], {
    cwd: inFolder("."),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return said.trimEnd() === "" ? [] : said.trimEnd().split("\n").sort();
}

describe.skipIf(!bash)("in bash", () => {
  it("is a script without mistakes, that bash takes for the completion of rqvae", () => {
    const check = spawnSync("bash", ["-n", inFolder("completion.bash")], { encoding: "utf8" });
    expect(check).toMatchObject({ status: 0, stderr: "" });
    const program = 'set -eu; source "$1"; complete -p rqvae';
    expect(execFileSync("bash", ["-c", program, "bash", inFolder("completion.bash")], { encoding: "utf8" })).toBe(
      "complete -F _rqvae rqvae\n",
    );
  });

  it("names the commands", () => {
    expect(inBash([""])).toEqual(expect.arrayContaining(["completion", "encode", "man", "sweep", "train"]));
    expect(inBash(["tr"])).toEqual(["train"]);
    expect(inBash(["--"])).toEqual(["--help", "--version"]);
    expect(inBash(["help", "rep"])).toEqual(["report"]);
    expect(inBash(["completion", ""])).toEqual(["bash", "fish", "zsh"]);
    expect(inBash(["unknown", ""])).toEqual([]);
  });

  it("names every option that the help of a command has", () => {
    for (const command of inBash([""]).filter((name) => name !== "help")) {
      const help = rqvae(command, "--help").stdout;
      const named = new Set(Array.from(help.matchAll(/^ {2}(?:-\w, | {4})(--[\w-]+)/gm), (match) => match[1]!));
      expect(inBash([command, "--"]), command).toEqual([...named].sort());
    }
    expect(inBash(["train", "--opt"])).toEqual(["--optimizer"]);
  });

  it("names the values of every option that has choices", () => {
    const choosing = OPTIONS.filter(({ kind }) => kind === "choice");
    expect(choosing.length).toBeGreaterThan(5);
    for (const { name, flag, choices } of choosing) {
      const option = `--${flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      expect(inBash(["train", "items.npy", option, ""]), option).toEqual([...choices!].sort());
      expect(inBash(["train", "--set", name, "=", ""]), name).toEqual([...choices!].sort());
    }
    expect(inBash(["sweep", "--format", "l"])).toEqual(["latex"]);
    expect(inBash(["encode", "--format", "re"])).toEqual(["recbole"]);
    expect(inBash(["embed", "--pooling", ""])).toEqual(["cls", "mean"]);
    expect(inBash(["train", "--epochs", ""])).toEqual([]);
  });

  it("knows values behind equals signs, whether or not bash cuts words there", () => {
    expect(inBash(["train", "--optimizer", "=", "adamw"])).toEqual(["adamw"]);
    expect(inBash(["train", "--optimizer", "="])).toEqual(["adagrad", "adam", "adamw", "sgd"]);
    expect(inBash(["train", "--optimizer=ada"], " ")).toEqual([
      "--optimizer=adagrad",
      "--optimizer=adam",
      "--optimizer=adamw",
    ]);
    expect(inBash(["train", "--layer-norm", "=", "f"])).toEqual(["false"]);
    expect(inBash(["train", "--layer-norm", "f"])).toEqual(inBash(["train", "f"])); // a switch: what follows is the items
    expect(inBash(["sweep", "--set", "optimizer", "=", "adam,s"])).toEqual(["adam,sgd"]);
    expect(inBash(["sweep", "--set", "optimizer=adam,s"], " ")).toEqual(["optimizer=adam,sgd"]);
    expect(inBash(["sweep", "--set", "codebookS"])).toEqual(["codebookSimVq=", "codebookSize="]);
  });

  it("finds files by what a place of the command line takes", () => {
    expect(inBash(["train", ""])).toEqual(["a table.csv", "items.npy", "labels.json", "models", "shop.safetensors"]);
    expect(inBash(["encode", ""])).toEqual(["models", "shop.safetensors"]);
    expect(inBash(["encode", "shop.safetensors", "i"])).toEqual(["items.npy"]);
    expect(inBash(["encode", "-l", "labels.json", "--rows", "0:3", "shop.safetensors", "i"])).toEqual(["items.npy"]);
    expect(inBash(["train", "--labels", "l"])).toEqual(["labels.json"]);
    expect(inBash(["train", "-l", "a"])).toEqual(["a table.csv"]);
    expect(inBash(["hopwise", ""])).toEqual(["models"]);
    expect(inBash(["sweep", "--keep-models", "="])).toEqual(["models"]);
    // Where no name fits, they may be called anything.
    expect(inBash(["train", "not"])).toEqual(["notes.md"]);
    expect(inBash(["merge", "one.shard", "n"])).toEqual(["notes.md"]);
  });
});

describe.skipIf(!fish)("in fish", () => {
  /** What fish offers for a line, without the descriptions. */
  const inFish = (line: string): string[] =>
    execFileSync("fish", ["--no-config", "-c", `source completion.fish; complete -C ${JSON.stringify(line)}`], {
      cwd: inFolder("."),
      encoding: "utf8",
    })
      .trimEnd()
      .split("\n")
      .map((offer) => offer.split("\t")[0]!)
      .sort();

  it("names commands, options and values, and finds files", () => {
    expect(spawnSync("fish", ["-n", inFolder("completion.fish")], { encoding: "utf8" })).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(inFish("rqvae ")).toEqual(expect.arrayContaining(["sweep", "train"]));
    expect(inFish("rqvae train --opt")).toEqual(["--optimizer"]);
    expect(inFish("rqvae train --optimizer ")).toEqual(["adagrad", "adam", "adamw", "sgd"]);
    expect(inFish("rqvae train --layer-norm=")).toEqual(["--layer-norm=false", "--layer-norm=true"]);
    expect(inFish("rqvae sweep --set optimizer=adam,s")).toEqual(["optimizer=adam,sgd"]);
    expect(inFish("rqvae sweep --set codebookS")).toEqual(["codebookSimVq=", "codebookSize="]);
    expect(inFish("rqvae encode s")).toEqual(["shop.safetensors"]);
    expect(inFish("rqvae hopwise m")).toEqual(["models/"]);
    expect(inFish("rqvae completion ")).toEqual(["bash", "fish", "zsh"]);
  });

  it("describes the values of --sort by the option, not by the first of them", () => {
    const lines = script("fish").split("\n");
    expect(lines.find((line) => line.includes("-l sort"))).toMatch(/-d 'order of the rows'$/);
    expect(lines.find((line) => line.includes("is sweep' -l format"))).toMatch(/-d 'form of the table'$/);
  });
});

describe.skipIf(!zsh)("in zsh", () => {
  it("names commands, options and values, and finds files", () => {
    expect(spawnSync("zsh", ["-n", inFolder("completion.zsh")], { encoding: "utf8" })).toMatchObject({
      status: 0,
      stderr: "",
    });
    // A shell on a terminal of its own, in which tab is pressed; what it has then on its line is printed.
    const lines = [
      "tr",
      "train --optimizer=adag",
      "sweep --set optimizer=adam,s",
      "encode s",
      "completion f",
      "sweep --keep-m",
    ];
    write(
      "try.zsh",
      // The terminal echoes what is typed: words that are waited for are typed in two parts.
      `zmodload zsh/zpty || exit 3
zpty z zsh -f -i
expected() { local out; zpty -r z out "*$1*" }
zpty -w z 'PS1=; autoload -Uz compinit; compinit -D -u; setopt nobeep; source ./completion.zsh'
zpty -w z 'press() { print -r -- "LI""NE<$BUFFER>END"; BUFFER=; zle reset-prompt }; zle -N press; bindkey "^X" press; bindkey "^I" complete-word'
zpty -w z 'print RE""ADY'
expected READY
for line; do
  zpty -w -n z "rqvae $line"$'\\t\\x18'
  zpty -r z out '*LINE<*>END*'
  print -r -- \${\${out##*LINE<}%%>END*}
done
zpty -d z
`,
    );
    const { stdout, status } = spawnSync("zsh", ["-f", "try.zsh", ...lines], {
      cwd: inFolder("."),
      encoding: "utf8",
      timeout: 60_000,
    });
    if (status === 3) return console.warn("this zsh has no zpty: only the syntax of its completion is tested");
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.trimEnd()),
    ).toEqual([
      "rqvae train",
      "rqvae train --optimizer=adagrad",
      "rqvae sweep --set optimizer=adam,sgd",
      "rqvae encode shop.safetensors",
      "rqvae completion fish",
      "rqvae sweep --keep-models=",
    ]);
  });
});

describe("rqvae completion", () => {
  it("knows three shells", () => {
    expectError(rqvae("completion", "tcsh"), 2, '<shell> must be one of bash, zsh, fish, but is "tcsh"');
    expectError(rqvae("completion"), 2, "<shell> is missing");
  });
});
