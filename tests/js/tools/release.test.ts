/** The release step and the owner's name, in a repository of their own; and the workflows that publish. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ownerOf, withOwner } from "../../../tools/owner.mjs";
import { datedCitation, releasedChangelog, unreleasedPart } from "../../../tools/release.mjs";
import { packageJson, ROOT } from "../../../tools/setup.mjs";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

describe("the changelog of a release", () => {
  const repository = "https://github.com/someone/rqvae";
  const text = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- One thing.\n";

  it("has what was unreleased under version and date, and addresses for its headings", () => {
    const first = releasedChangelog(text, { version: "0.1.0", date: "2026-12-01", repository });
    expect(first).toBe(`# Changelog

## [Unreleased]

## [0.1.0] - 2026-12-01

### Added

- One thing.

[Unreleased]: ${repository}/compare/v0.1.0...HEAD
[0.1.0]: ${repository}/releases/tag/v0.1.0
`);
    expect(unreleasedPart(first)).toBe("");
    const later = first.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Another.\n");
    expect(unreleasedPart(later)).toBe("- Another.");
    const second = releasedChangelog(later, { version: "0.2.0", date: "2027-01-02", repository });
    expect(second).toContain("## [Unreleased]\n\n## [0.2.0] - 2027-01-02\n\n- Another.\n\n## [0.1.0] - 2026-12-01\n");
    expect(second.trimEnd().split("\n").slice(-3)).toEqual([
      `[Unreleased]: ${repository}/compare/v0.2.0...HEAD`,
      `[0.2.0]: ${repository}/compare/v0.1.0...v0.2.0`,
      `[0.1.0]: ${repository}/releases/tag/v0.1.0`,
    ]);
  });

  it("is refused when there is nothing new, and ours can be released", () => {
    const empty = "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n\n- One thing.\n";
    expect(() => releasedChangelog(empty, { version: "0.2.0", date: "2027-01-02", repository })).toThrow(/is empty/);
    const ours = read("CHANGELOG.md");
    const after = releasedChangelog(ours, { version: "9.9.9", date: "2027-01-02", repository });
    expect(after.match(/^- /gm)?.length).toBe(ours.match(/^- /gm)?.length);
    expect(after).toContain("## [9.9.9] - 2027-01-02");
  });

  it("comes with a citation of the same version", () => {
    const citation = read("CITATION.cff");
    expect(/^version: (.*)$/m.exec(citation)?.[1]).toBe(packageJson().version);
    const dated = datedCitation(citation, { version: "0.2.0", date: "2027-01-02" });
    expect(dated).toMatch(/^version: 0\.2\.0\ndate-released: 2027-01-02$/m);
    expect(datedCitation(dated, { version: "0.3.0", date: "2027-02-03" }).match(/date-released/g)).toHaveLength(1);
  });
});

describe("the owner of the repository", () => {
  it("is changed in addresses only", () => {
    const before =
      "OWNER/rqvae, https://github.com/OWNER/rqvae.git, https://owner.github.io/rqvae, OWNER.github.io, OWNER, NOWNER/rqvae, OWNER/rqvae-x";
    expect(withOwner(before, "OWNER", "Some-One")).toBe(
      "Some-One/rqvae, https://github.com/Some-One/rqvae.git, https://some-one.github.io/rqvae, some-one.github.io, OWNER, NOWNER/rqvae, OWNER/rqvae-x",
    );
    expect(ownerOf({ repository: { url: "git+https://github.com/some-one/rqvae.git" } })).toBe("some-one");
    expect(() => ownerOf({ repository: { url: "https://example.org/rqvae.git" } })).toThrow(/no address of rqvae/);
  });
});

describe("the release step", () => {
  let folder: string;
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, encoding: "utf8" }).trim();
  const tool = (name: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [`tools/${name}.mjs`, ...args], {
      cwd: folder,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  };
  const commit = () => git("commit", "--quiet", "--all", "--message", "Change");

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "rqvae-release-"));
    const files = [
      ...[
        "package.json",
        "package-lock.json",
        "README.md",
        "CHANGELOG.md",
        "CITATION.cff",
        "SECURITY.md",
        "CONTRIBUTING.md",
      ],
      ...["bindings/js/base/version.ts", "docs/training.md"],
      ...readdirSync(join(ROOT, "tools"))
        .filter((name) => name.endsWith(".mjs"))
        .map((name) => `tools/${name}`),
    ];
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      cpSync(join(ROOT, file), join(folder, file));
    }
    git("init", "--quiet", "--initial-branch=main");
    git("config", "user.name", "Someone");
    git("config", "user.email", "someone@example.org");
    git("add", "--all");
    // Whoever has filled in the owner already: the test begins without one, and with something new to release.
    const owner = ownerOf(packageJson());
    for (const file of files.filter((name) => /\.(?:md|json|cff)$/.test(name)))
      writeFileSync(join(folder, file), withOwner(readFileSync(join(folder, file), "utf8"), owner, "OWNER"));
    const changelog = readFileSync(join(folder, "CHANGELOG.md"), "utf8").split(/^## \[\d/m)[0]!;
    writeFileSync(
      join(folder, "CHANGELOG.md"),
      changelog.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Something new.\n"),
    );
    git("add", "--all");
    commit();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("refuses, naming everything that is in its way, and changes nothing", () => {
    writeFileSync(join(folder, "new.txt"), "");
    const version = join(folder, "bindings/js/base/version.ts");
    writeFileSync(version, 'export const VERSION = "7.0.0";\n');
    const head = git("rev-parse", "HEAD");
    for (const args of [["--dry-run"], ["--tested"], []]) {
      const { status, stderr } = tool("release", ...args);
      expect(status).toBe(1);
      expect(stderr).toMatch(/the working tree has changes; [\s\S]*new\.txt/);
      expect(stderr).toMatch(/OWNER stands for the owner in CITATION\.cff, CONTRIBUTING\.md, [\s\S]*package\.json/);
      expect(stderr).toMatch(/version\.ts says version 7\.0\.0, package\.json \d/);
    }
    expect(git("rev-parse", "HEAD")).toBe(head);
    expect(git("tag")).toBe("");
    rmSync(join(folder, "new.txt"));
    git("checkout", "--quiet", "--", ".");
    expect(tool("release", "--dry")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("unknown argument --dry"),
    });
  });

  it("takes the owner from one command", () => {
    expect(tool("owner", "no/name").status).toBe(2);
    expect(tool("owner").status).toBe(2);
    const { status, stdout } = tool("owner", "some-one");
    expect(status).toBe(0);
    for (const file of ["package.json", "CITATION.cff", "SECURITY.md", "CONTRIBUTING.md"])
      expect(stdout).toContain(`${file}:`);
    expect(
      spawnSync("git", ["grep", "-l", "OWNER/rqvae", "--", ":!tools"], { cwd: folder, encoding: "utf8" }).stdout,
    ).toBe("");
    const { homepage, bugs, repository } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const address = "https://github.com/some-one/rqvae";
    expect([homepage, bugs, repository.url]).toEqual([`${address}#readme`, `${address}/issues`, `git+${address}.git`]);
    commit();
  });

  it("says what it would do, and does nothing, in a dry run", () => {
    const { status, stdout, stderr } = tool("release", "--dry-run");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toMatch(/would run: npm run test:all/);
    expect(stdout).toMatch(/would commit "Release \d+\.\d+\.\d+" and tag it v\d/);
    expect(git("status", "--porcelain")).toBe("");
    expect(git("tag")).toBe("");
  });

  it("dates the changelog, commits and tags; and not twice", () => {
    const { version } = packageJson();
    const { status, stdout } = tool("release", "--tested");
    expect(status).toBe(0);
    expect(stdout).toContain(`git push origin HEAD v${version}`);
    expect(git("status", "--porcelain")).toBe("");
    expect(git("log", "-1", "--format=%s")).toBe(`Release ${version}`);
    expect(git("diff", "--name-only", "HEAD~1").split("\n")).toEqual(["CHANGELOG.md", "CITATION.cff"]);
    expect(git("rev-list", "-1", `v${version}`)).toBe(git("rev-parse", "HEAD"));
    const today = new Date().toISOString().slice(0, 10);
    const changelog = readFileSync(join(folder, "CHANGELOG.md"), "utf8");
    expect(changelog).toMatch(new RegExp(`## \\[Unreleased\\]\n\n## \\[${version}\\] - ${today.slice(0, 8)}\\d\\d\n`));
    const again = tool("release", "--tested");
    expect(again.status).toBe(1);
    for (const obstacle of [
      "Unreleased is empty",
      `has version ${version} already`,
      `tag v${version} is there already`,
    ])
      expect(again.stderr).toContain(obstacle);
  });
});

describe("the workflows", () => {
  const workflow = (name: string) => read(`.github/workflows/${name}.yml`);

  it("take actions by their major version, and rights only where they are used", () => {
    for (const name of ["ci", "release"]) {
      const uses = Array.from(workflow(name).matchAll(/uses: (\S+)/g), ([, action]) => action!);
      expect(uses.length).toBeGreaterThan(1);
      for (const action of uses) expect(action).toMatch(/^(?:actions\/[\w-]+@v\d+|\.\/\.github\/workflows\/ci\.yml)$/);
      expect(workflow(name)).toMatch(/^permissions:\n {2}contents: read$/m);
    }
    expect(workflow("ci")).not.toMatch(/write/);
    expect(workflow("ci")).toMatch(/container: node:20-bookworm[\s\S]*run: \.ci\/run/);
  });

  it("publish with provenance from a job that runs nothing else", () => {
    const [, publish = ""] = /^ {2}publish:\n([\s\S]*?)^ {2}\w+:$/m.exec(workflow("release")) ?? [];
    expect(publish).toMatch(/needs: \[test, build\]/);
    expect(publish).toMatch(/id-token: write/);
    expect(publish).toMatch(/npm publish \.\/rqvae-\*\.tgz --provenance/);
    expect(publish.match(/- run: .*/g)).toEqual([
      expect.stringMatching(/^- run: npm install --global npm@\d+/), // one that knows trusted publishing
      expect.stringMatching(/^- run: npm publish/),
    ]);
    expect(workflow("release")).toMatch(/tags: \["v\[0-9\]\*"\]/);
  });

  it("call scripts that there are", () => {
    const { scripts } = packageJson();
    const called = ["ci", "release"].flatMap((name) =>
      Array.from(workflow(name).matchAll(/npm run (\S+)/g), ([, script]) => script!),
    );
    expect(called).toContain("site");
    expect(called.filter((script) => !(script in scripts))).toEqual([]);
  });
});
