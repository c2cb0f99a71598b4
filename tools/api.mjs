// The exported signatures of the built package in one file, docs/api.txt, so that a change of them is seen in review.
//
//   node tools/api.mjs            prints them
//   node tools/api.mjs --write    writes docs/api.txt
import { realpathSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { packageJson, ROOT } from "./setup.mjs";

export const API_FILE = "docs/api.txt";

/** Every entry with what it exports: declarations without comments and private members. @returns {string} */
export function exportedSignatures() {
  /** @type {[string, string][]} */
  const entries = Object.entries(packageJson().exports).flatMap(([name, { types }]) =>
    types ? [[`rqvae${name.slice(1)}`, join(ROOT, types)]] : [],
  );
  const program = ts.createProgram(
    entries.map(([, file]) => file),
    { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, types: [], noEmit: true },
  );
  const checker = program.getTypeChecker();
  const printer = ts.createPrinter({ removeComments: true });
  /** @type {Map<ts.Symbol, string>} where each was printed first */
  const printed = new Map();
  const lines = [`Written by "node tools/api.mjs --write" from the declarations in dist.`];
  for (const [entry, file] of entries) {
    lines.push("", `# ${entry}`);
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (!module) throw new Error(`${relative(ROOT, file)} is no module`);
    /** @type {Map<string, string[]>} */
    const elsewhere = new Map();
    for (const exported of checker.getExportsOfModule(module).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const first = printed.get(symbol);
      if (first) {
        elsewhere.set(first, [...(elsewhere.get(first) ?? []), exported.name]);
        continue;
      }
      printed.set(symbol, entry);
      for (const declaration of symbol.declarations ?? []) {
        const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
        const text = printer.printNode(ts.EmitHint.Unspecified, publicPart(node), node.getSourceFile());
        // Rolled-up declarations are exported all at once, at their end.
        lines.push(exported.name === "default" || text.startsWith("export ") ? text : `export ${text}`);
      }
    }
    for (const [first, names] of elsewhere) lines.push(`as in ${first}: ${names.join(", ")}`);
  }
  return `${lines.join("\n")}\n`;
}

/** A class without what is private or marked internal. @param {ts.Node} node */
function publicPart(node) {
  if (!ts.isClassDeclaration(node)) return node;
  const members = node.members.filter(
    (member) =>
      !(member.name && ts.isPrivateIdentifier(member.name)) &&
      !(ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) &&
      !ts.getJSDocTags(member).some((tag) => tag.tagName.text === "internal"),
  );
  const { modifiers, name, typeParameters, heritageClauses } = node;
  return ts.factory.updateClassDeclaration(node, modifiers, name, typeParameters, heritageClauses, members);
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "--write") writeFileSync(join(ROOT, API_FILE), exportedSignatures());
  else process.stdout.write(exportedSignatures());
}
