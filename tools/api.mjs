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
  const exportedNames = new Set(
    entries.flatMap(([, file]) => {
      const module = checker.getSymbolAtLocation(program.getSourceFile(file));
      return checker.getExportsOfModule(module).map(({ name }) => name);
    }),
  );
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
        const whole = ts.isInterfaceDeclaration(node) && extendsHidden(node, exportedNames) && !isResolved(node);
        const text = whole
          ? allMembers(node, symbol, checker)
          : printer.printNode(ts.EmitHint.Unspecified, publicPart(node), node.getSourceFile());
        // Rolled-up declarations are exported all at once, at their end.
        lines.push(exported.name === "default" || text.startsWith("export ") ? text : `export ${text}`);
        if (ts.isClassDeclaration(node)) lines.push(...contracted(node, symbol, checker));
      }
    }
    for (const [first, names] of elsewhere) lines.push(`as in ${first}: ${names.join(", ")}`);
  }
  return `${lines.join("\n")}\n`;
}

/**
 * The methods that a class has by a contract: those of another class, each of them asynchronous.
 * @param {ts.ClassDeclaration} node @param {ts.Symbol} symbol @param {ts.TypeChecker} checker
 */
function contracted(node, symbol, checker) {
  const base = node.heritageClauses?.[0]?.types[0];
  if (base?.expression.getText() !== "Contracted") return [];
  const own = new Set(node.members.map((member) => member.name?.getText()));
  const names = checker
    .getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
    .map(({ name }) => name)
    .filter((name) => !own.has(name) && !name.startsWith("__"));
  return [`// ${node.name?.text} also has, each of them a promise, RQVAE's ${names.join(", ")}`];
}

/** Whether an interface has members of a type that is not exported itself, such as those made of the table of options. */
function extendsHidden(/** @type {ts.InterfaceDeclaration} */ node, /** @type {Set<string>} */ exportedNames) {
  const bases = (node.heritageClauses ?? []).flatMap(({ types }) =>
    types.map(({ expression }) => expression.getText()),
  );
  return bases.some((name) => !exportedNames.has(name) && !(name in UTILITIES));
}
/** Whether an interface is what became of options: it has their names, all of them given. */
const isResolved = (/** @type {ts.InterfaceDeclaration} */ node) =>
  node.heritageClauses?.[0]?.types[0]?.expression.getText() === "Resolved";

/** TypeScript's own. */
const UTILITIES = { Omit: 1, Pick: 1, Partial: 1, Readonly: 1, Promise: 1, AsyncIterable: 1, Error: 1 };

/**
 * An interface with all members written out.
 * @param {ts.InterfaceDeclaration} node @param {ts.Symbol} symbol @param {ts.TypeChecker} checker
 */
function allMembers(node, symbol, checker) {
  const members = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)).map((member) => {
    const type = checker.typeToString(
      checker.getTypeOfSymbolAtLocation(member, node),
      node,
      ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope,
    );
    const isOptional = (member.flags & ts.SymbolFlags.Optional) !== 0;
    return `    ${member.name}${isOptional ? "?" : ""}: ${isOptional ? type.replace(/ \| undefined$/, "") : type};`;
  });
  return [`export interface ${node.name.text} {`, ...members, "}"].join("\n");
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
