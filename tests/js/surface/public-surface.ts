/** The public surface as docs/api.txt has it: every function, constructor, method and accessor, with the names of what it takes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const DIST = fileURLToPath(new URL("../../../dist", import.meta.url));

export interface Parameter {
  name: string;
  /** The fields of the objects that it may be: its options. */
  fields: string[];
}

export interface Callable {
  /** `rqvae/formats readCsv`, `rqvae RQVAE.create`, `rqvae RQVAE#encode`, `rqvae new SemanticIds` */
  id: string;
  entry: string;
  name: string;
  kind: "function" | "constructor" | "static" | "method" | "getter";
  parameters: Parameter[];
  /** What it returns, if that comes later. */
  later: "promise" | "iterator" | undefined;
}

/** What is called, and the names of the values that each entry exports. */
export function publicSurface(): { callables: Callable[]; values: Map<string, string[]> } {
  const text = readFileSync(new URL("../../../docs/api.txt", import.meta.url), "utf8");
  const sections = text.split(/^# /m).slice(1);
  const sources = sections.map((section) => {
    const [entry = "", ...lines] = section.split("\n");
    const declarations = lines.filter((line) => !line.startsWith("as in ")).join("\n");
    return { entry, source: ts.createSourceFile(`${entry}.d.ts`, declarations, ts.ScriptTarget.ES2022) };
  });

  const types = new Map<string, ts.InterfaceDeclaration | ts.TypeAliasDeclaration>();
  // What options are made of need not have a name of its own.
  const declared = readdirSync(DIST, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".d.ts"))
    .map((name) => ({
      source: ts.createSourceFile(name, readFileSync(join(DIST, name), "utf8"), ts.ScriptTarget.ES2022),
    }));
  for (const { source } of [...declared, ...sources]) {
    for (const node of source.statements) {
      if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) types.set(node.name.text, node);
    }
  }

  /** Names of the fields of an object of this type, whichever of a union it is. */
  function fieldsOf(type: ts.Node | undefined): string[] {
    if (!type) return [];
    if (ts.isUnionTypeNode(type) || ts.isIntersectionTypeNode(type)) return type.types.flatMap(fieldsOf);
    if (ts.isParenthesizedTypeNode(type)) return fieldsOf(type.type);
    if (ts.isTypeLiteralNode(type)) return type.members.flatMap(nameOf);
    if (ts.isInterfaceDeclaration(type)) {
      const inherited = type.heritageClauses?.flatMap((clause) => clause.types) ?? [];
      return [
        ...type.members.flatMap(nameOf),
        ...inherited.flatMap(({ expression, typeArguments }) => [
          ...(ts.isIdentifier(expression) ? fieldsOf(types.get(expression.text)) : []),
          ...(typeArguments?.flatMap(fieldsOf) ?? []),
        ]),
      ];
    }
    if (ts.isTypeAliasDeclaration(type)) return fieldsOf(type.type);
    if (ts.isTypeReferenceNode(type) && ts.isIdentifier(type.typeName)) {
      const { text: name } = type.typeName;
      if (["Partial", "Omit", "Required"].includes(name)) return fieldsOf(type.typeArguments?.[0]);
      return fieldsOf(types.get(name));
    }
    return [];
  }
  const nameOf = (member: ts.TypeElement) => (member.name && ts.isIdentifier(member.name) ? [member.name.text] : []);

  const callables: Callable[] = [];
  const values = new Map<string, string[]>();
  for (const { entry, source } of sources) {
    const exported: string[] = [];
    values.set(entry, exported);
    const parameters = (node: ts.SignatureDeclarationBase): Parameter[] =>
      node.parameters.map(({ name, type }) => ({
        name: ts.isIdentifier(name) ? name.text : "",
        fields: [...new Set(fieldsOf(type))],
      }));
    const laterOf = (type: ts.TypeNode | undefined) => {
      const returned = type?.getText(source) ?? "";
      return /^(Promise|LongCall)</.test(returned)
        ? "promise"
        : /^Async(Generator|Iterable|IterableIterator)</.test(returned)
          ? "iterator"
          : undefined;
    };
    const add = (kind: Callable["kind"], name: string, id: string, node?: ts.SignatureDeclarationBase) => {
      const known = callables.find((callable) => callable.id === `${entry} ${id}`);
      const taken = node ? parameters(node) : [];
      if (!known)
        callables.push({ id: `${entry} ${id}`, entry, name, kind, parameters: taken, later: laterOf(node?.type) });
      for (const [i, parameter] of known?.parameters.entries() ?? []) {
        parameter.fields.push(...(taken[i]?.fields ?? [])); // of an overload
      }
    };
    for (const node of source.statements) {
      if (ts.isFunctionDeclaration(node) && node.name) {
        add("function", node.name.text, node.name.text, node);
        if (!exported.includes(node.name.text)) exported.push(node.name.text); // not each overload
      } else if (ts.isClassDeclaration(node) && node.name) {
        const { text: name } = node.name;
        if (name.endsWith("Error")) {
          exported.push(name); // made as any other error
          continue;
        }
        exported.push(name);
        for (const member of node.members) {
          const key = member.name?.getText(source) ?? "";
          if (ts.isConstructorDeclaration(member)) add("constructor", name, `new ${name}`, member);
          else if (ts.isGetAccessorDeclaration(member)) add("getter", key, `${name}#${key}`);
          else if (ts.isMethodDeclaration(member)) {
            const isStatic = member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ?? false;
            add(isStatic ? "static" : "method", key, `${name}${isStatic ? "." : "#"}${key}`, member);
          }
        }
      } else if (ts.isVariableStatement(node)) {
        for (const { name, type } of node.declarationList.declarations) {
          const key = name.getText(source);
          if (node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) exported.push(key);
          if (!type || !ts.isTypeLiteralNode(type)) continue;
          for (const member of type.members) {
            if (!ts.isPropertySignature(member) || !member.type || !ts.isFunctionTypeNode(member.type)) continue;
            const field = member.name.getText(source);
            add("static", field, `${key}.${field}`, member.type);
          }
        }
      }
    }
  }
  for (const [, name, rest] of text.matchAll(/^\/\/ (\w+) also has, each of them a promise, RQVAE's (.*)$/gm)) {
    for (const method of rest!.split(", ")) {
      const { parameters } = callables.find(({ id }) => id === `rqvae RQVAE#${method}`)!;
      const entry = sources.find(({ source }) => source.text.includes(`class ${name} `))!.entry;
      callables.push({
        id: `${entry} ${name}#${method}`,
        entry,
        name: method,
        kind: "method",
        parameters,
        later: "promise",
      });
    }
  }
  return { callables, values };
}
