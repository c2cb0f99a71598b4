/** The manual page: complete, and without mistakes for the programs that show it, where those are installed. */
import { spawnSync } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { inFolder, rqvae, useFolder, write } from "./harness.ts";

useFolder();

const has = (program: string, flag: string) => spawnSync(program, [flag]).error === undefined;
const mandoc = has("mandoc", "-h");
const groff = has("groff", "--version");
if (!mandoc && !groff) console.warn("neither mandoc nor groff is installed: the manual page is not rendered");

describe("rqvae man", () => {
  it("has every command with every option of its help, and the exit status", () => {
    const { status, stdout: page, stderr } = rqvae("man");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const commands = Array.from(rqvae("--help").stdout.matchAll(/^ {2}(\w+) +[A-Z]/gm), (match) => match[1]!);
    expect(commands).toEqual(expect.arrayContaining(["train", "sweep", "man"]));
    for (const command of commands) {
      const from = page.indexOf(`.SS \\fB${command}\\fR`);
      expect(from, command).toBeGreaterThan(0);
      const section = page.slice(from, page.indexOf("\n.S", from + 1));
      const help = rqvae(command, "--help").stdout;
      for (const [, option] of help.matchAll(/^ {2}(?:-\w, | {4})--([\w-]+)/gm)) {
        expect(section, `${command} --${option}`).toContain(`\\fB\\-\\-${option!.replaceAll("-", "\\-")}\\fR`);
      }
    }
    for (const code of [0, 1, 2, 130, 143]) expect(page).toMatch(new RegExp(`^\\.TP\n\\\\fB${code}\\\\fR`, "m"));
  });

  it.skipIf(!mandoc)("has no mistakes for mandoc, but that it bears no date", () => {
    write("rqvae.1", rqvae("man").stdout);
    const { stdout, stderr } = spawnSync("mandoc", ["-T", "lint", "-W", "warning", inFolder("rqvae.1")], {
      encoding: "utf8",
    });
    const said = `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !line.includes("missing date"));
    expect(said).toEqual([]);
  });

  it.skipIf(!mandoc && !groff)("is rendered as it is in the help", () => {
    write("rqvae.1", rqvae("man").stdout);
    const render = mandoc ? ["mandoc", "-T", "utf8"] : ["groff", "-man", "-Tutf8", "-ww"];
    const { stdout, stderr, status } = spawnSync(render[0]!, [...render.slice(1), inFolder("rqvae.1")], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    // Bold and underlined letters are struck twice; groff has codes for them.
    const struck = stripVTControlCharacters(stdout).split("\b");
    const text = struck.map((part, i) => (i < struck.length - 1 ? part.slice(0, -1) : part)).join("");
    const words = text.replaceAll(/\s+/g, " ");
    expect(words).toContain("--set codes=64/256/1024 one setting: three levels of different sizes");
    expect(words).toContain("rqvae sweep <items> [options]");
    expect(text).toMatch(/^ +rqvae sweep items\.npy --set codebookSize=64,256 \\$/m); // an example keeps its lines
    expect(words).toContain("130 Stopped by Ctrl-C (SIGINT).");
  });
});
