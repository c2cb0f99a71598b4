/**
 * One table of options: what is made of it is complete, and one row more is all that a new option takes. The row that is added here is
 * nowhere in the library.
 */
import { readFileSync } from "node:fs";
import { OPTIONS, type OptionDescription } from "rqvae/options";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { OptionReader } from "../../../bindings/js/base/option-reader.ts";
import { option, worded } from "../../../bindings/js/base/wording.ts";
import { type Command, helpOf, parseCommandLine } from "../../../bindings/js/cli/command.ts";
import { readOptions, trainingSections } from "../../../bindings/js/cli/options.ts";
import { describeOptions } from "../../../bindings/js/options/describe.ts";
import { checkExclusions, nativeConfig, resolve } from "../../../bindings/js/options/resolve.ts";
import { type Given, MODEL, type Resolved, type Table, TRAIN } from "../../../bindings/js/options/table.ts";
import { WORDS } from "../../../bindings/js/options/words.ts";
import { optionTable, withTables } from "../../../tools/option-tables.mjs";
import { formFields } from "../../../web/src/base/option-list.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

describe("one row more", () => {
  const table = {
    ...MODEL,
    spareCodes: {
      kind: "integer",
      default: 2,
      instead: (of) => (of("layerNorm") ? 5 : undefined),
      min: 0,
      max: 9,
      excludes: (of) =>
        of<number>("spareCodes") > 0 && of("codebookSimVq")
          ? worded`${option("spareCodes")} and ${option("codebookSimVq")} exclude each other`
          : undefined,
    },
    codeShape: { kind: "choice", default: "round", choices: ["square", "round"] },
  } as const satisfies Table;
  const words = {
    help: "codes that stay free",
    label: "Spare codes",
    hint: "Room for later.",
    group: "The codes",
    guide: "codes that stay free",
  } as const;
  const options = describeOptions(table, TRAIN, {
    ...WORDS,
    spareCodes: { ...words, flag: "spare" },
    codeShape: { ...words, help: "shape of a code", label: "Shape" },
  });
  const resolved = (given: object) => resolve(new OptionReader(given, "create"), "create", table);

  it("has a type", () => {
    const given: Given<typeof table> = { spareCodes: 3, codeShape: "square" };
    // @ts-expect-error no such choice
    given.codeShape = "triangle";
    const config = resolved({ inputDim: 4 }) as unknown as Resolved<typeof table>;
    const shape: "square" | "round" = config.codeShape;
    expect(shape).toBe("round");
  });

  it("is checked, and has its default", () => {
    expect(resolved({ inputDim: 4 })).toMatchObject({ spareCodes: 2, codeShape: "round" });
    expect(resolved({ inputDim: 4, layerNorm: true, codeShape: "square" })).toMatchObject({
      spareCodes: 5,
      codeShape: "square",
    });
    expect(() => resolved({ inputDim: 4, spareCodes: 10 })).toThrow(
      "create: spareCodes must be a whole number from 0 to 9, received 10",
    );
    expect(() => resolved({ inputDim: 4, codeShape: "flat" })).toThrow('codeShape must be one of "square", "round"');
    const both = resolved({ inputDim: 4, codebookSimVq: true });
    expect(() => checkExclusions(table, "create", both)).toThrow("create: spareCodes and codebookSimVq exclude");
    expect(() => checkExclusions(table, "create", resolved({ inputDim: 4 }))).not.toThrow();
  });

  it("crosses into the WebAssembly, choices as numbers", () => {
    expect(nativeConfig(table, resolved({ inputDim: 4 }))).toMatchObject({ spareCodes: 2, codeShape: 1 });
  });

  const command: Command = {
    name: "train",
    summary: "",
    positionals: [],
    options: trainingSections(options),
    notes: "",
    run: async () => 0,
  };
  const parsed = (...args: string[]) => readOptions(parseCommandLine(command, args), options).model;

  it("is read on the command line, by each of its names", () => {
    const given = { spareCodes: 3, codeShape: "square" };
    expect(parsed("--spare", "3", "--code-shape", "square")).toEqual(given);
    expect(parsed("--spare-codes", "3", "--set", "codeShape=square")).toEqual(given);
    expect(() => parsed("--spare", "x")).toThrow("--spare must be a whole number");
    expect(() => parsed("--code-shape", "flat")).toThrow("--code-shape must be one of square, round");
    expect(() => parsed("--spare-codes", "3", "--set", "spareCodes=2")).toThrow("are the same option");
  });

  it("is in the help, on the page and in the guide", () => {
    const help = helpOf(command);
    expect(help).toMatch(/ {2}--spare N {2,}codes that stay free \(default: 2\)\n/);
    expect(help).toMatch(/ {2}--code-shape NAME {2,}shape of a code: square or round \(default: round\)\n/);
    expect(formFields(options).filter(({ name }) => name in table && !(name in MODEL))).toMatchObject([
      { field: "spareCodes", label: "Spare codes", kind: "integer", fallback: "2", group: "The codes", of: "model" },
      { field: "codeShape", label: "Shape", kind: "choice", fallback: "round", choices: ["square", "round"] },
    ]);
    const rows = optionTable(options).replaceAll(/ +/g, " ");
    expect(rows).toContain("| `spareCodes` | 2 | 0 to 9 | codes that stay free |");
    expect(rows).toContain('| `codeShape` | `"round"` | `"square"`, `"round"` | codes that stay free |');
    const guide = withTables(read("docs/training.md"), options);
    expect(guide).toContain("`spareCodes`");
  });
});

describe("what is made of the table", () => {
  it("describes every option but the items' own dimension", () => {
    const names = OPTIONS.map(({ name }) => name);
    expect([...names, "inputDim"].sort()).toEqual([...Object.keys(MODEL), ...Object.keys(TRAIN)].sort());
    expect(structuredClone(OPTIONS)).toEqual(OPTIONS); // plain data
  });

  it("no two options share a name on the command line or in the page's links", () => {
    const flags = Object.values(trainingSections()).flatMap((section) =>
      Object.entries(section).flatMap(([name, { also }]) => (also === undefined ? [name] : [name, also])),
    );
    expect(new Set(flags).size).toBe(flags.length);
    const fields = formFields(OPTIONS).map(({ field }) => field);
    expect(new Set(fields).size).toBe(fields.length);
  });

  it("a default that depends on others says so in words", () => {
    const silent = ["inputScaling", "linearSkip", "codebookSimVq"]; // it is compat that fixes them, and says so
    const dependent = Object.entries({ ...MODEL, ...TRAIN }).filter(
      ([name, row]) => "instead" in row && !silent.includes(name),
    );
    expect(dependent.length).toBeGreaterThan(4);
    const usual = (name: string) => OPTIONS.find((each: OptionDescription) => each.name === name)?.usually;
    expect(dependent.filter(([name]) => usual(name) === undefined).map(([name]) => name)).toEqual([]);
  });

  it("the tables of the guide: after a change that is meant, node tools/option-tables.mjs --write", () => {
    expect(withTables(read("docs/training.md"), OPTIONS)).toBe(read("docs/training.md"));
  });

  it("the binding reads every option by its name", () => {
    const names = [...read("bindings/embind.cpp").matchAll(/\bRead\(options, "(\w+)"/g)].map(([, name]) => name);
    names.push("freedShare"); // free-codes.ts reads it
    names.push("nQuantizationLayers"); // the length of codebookSize there
    expect(names.sort()).toEqual([...Object.keys(MODEL), ...Object.keys(TRAIN)].sort());
  });

  it("editors show what a row's comment says", () => {
    const file = new URL("../../../dist/index.d.ts", import.meta.url).pathname;
    const program = ts.createProgram([decodeURIComponent(file)], {
      module: ts.ModuleKind.NodeNext,
      types: [],
      noEmit: true,
    });
    const checker = program.getTypeChecker();
    const module = checker.getSymbolAtLocation(program.getSourceFile(decodeURIComponent(file))!)!;
    for (const name of ["ModelOptions", "ModelConfig", "TrainOptions", "OptimizerOptions"]) {
      const exported = checker.getExportsOfModule(module).find((each) => each.name === name)!;
      const declared = checker.getDeclaredTypeOfSymbol(
        exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported,
      );
      const members = checker.getPropertiesOfType(declared);
      expect(members.length).toBeGreaterThan(10);
      const bare = members.filter((member) => member.getDocumentationComment(checker).length === 0);
      expect(bare.map((member) => member.name).filter((member) => member !== "inputDim")).toEqual([]);
    }
  });
});
