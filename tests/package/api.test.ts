/** The exported signatures are the reviewed ones. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";
import { API_FILE, exportedSignatures } from "../../tools/api.mjs";
import { ROOT } from "./project.ts";

it("the exported signatures are those of docs/api.txt: after a change that is meant, node tools/api.mjs --write", () => {
  const now = exportedSignatures();
  // Names of every entry, and nothing that is private.
  for (const name of ["class RQVAE ", "class RQVAEWorker ", "function readItems(", "function reportHtml("]) {
    expect(now).toContain(name);
  }
  expect(now).not.toMatch(/#private|@internal/);
  expect(now).toBe(readFileSync(join(ROOT, API_FILE), "utf8"));
});

it("what the declarations export as a value is there", async () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    exports: Record<string, { types?: string; default: string }>;
  };
  let values = 0;
  for (const [entry, { types, default: file }] of Object.entries(exports)) {
    if (!types || !file.endsWith(".js")) continue;
    const module = await import(join(ROOT, file));
    const program = ts.createProgram([join(ROOT, types)], { module: ts.ModuleKind.NodeNext, types: [] });
    const checker = program.getTypeChecker();
    const symbol = checker.getSymbolAtLocation(program.getSourceFile(join(ROOT, types))!)!;
    for (const exported of checker.getExportsOfModule(symbol)) {
      const isTypeOnly = exported.declarations?.some(
        (declaration) =>
          ts.isExportSpecifier(declaration) && (declaration.isTypeOnly || declaration.parent.parent.isTypeOnly),
      );
      const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (isTypeOnly || !(target.flags & ts.SymbolFlags.Value)) continue;
      values++;
      expect(Object.keys(module), `${entry} ${exported.name}`).toContain(exported.name);
    }
  }
  expect(values).toBeGreaterThan(40);
});
