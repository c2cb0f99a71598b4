// The prose in TypeScript: the docstrings that users see in their editors and on the site, and the messages of errors, help and page.
import ts from "typescript";
import { CODE } from "./text.mjs";

/**
 * @typedef {object} SourceProse
 * @property {string} docstrings as Markdown, with as many lines as the source: each line stands where it is in the file
 * @property {import("./text.mjs").Block[]} messages
 */

/**
 * @param {string} file its name
 * @param {string} source
 * @param {(name: string) => boolean} isPublic whether a declaration of this name is exported by the package
 * @returns {SourceProse}
 */
export function proseOf(file, source, isPublic) {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.ESNext, true);
  const lines = source.split("\n").map(() => "");
  const lineOf = (/** @type {number} */ position) => tree.getLineAndCharacterOfPosition(position).line;

  /** @param {ts.Node} node */
  const describe = (node) => {
    for (const comment of /** @type {ts.JSDoc[]} */ (/** @type {any} */ (node).jsDoc ?? [])) {
      const first = lineOf(comment.getStart());
      readDocstring(comment.getText()).forEach((line, i) => {
        lines[first + i] = line;
      });
    }
  };
  /** A declaration with its members, but not what its functions do inside. @param {ts.Node} node */
  const describeAll = (node) => {
    if (ts.isBlock(node) || isPrivate(node)) return;
    describe(node);
    node.forEachChild(describeAll);
  };
  for (const statement of tree.statements) if (namesOf(statement).some(isPublic)) describeAll(statement);

  /** @type {SourceProse["messages"]} */
  const messages = [];
  /** @param {ts.Node} node */
  const collect = (node) => {
    const text = messageOf(node);
    if (text !== undefined)
      messages.push({ kind: "paragraph", text: text.replace(/\s+/g, " "), line: lineOf(node.getStart()) + 1 });
    const skipped = ts.isPropertyAssignment(node) && node.name.getText() === FOREIGN;
    if (!skipped && !ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) node.forEachChild(collect);
  };
  collect(tree);
  return { docstrings: lines.join("\n"), messages };
}

/** @param {ts.Statement} statement */
function namesOf(statement) {
  const declarations = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement];
  const exported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  return exported ? declarations.map((declaration) => /** @type {any} */ (declaration).name?.text ?? "") : [];
}

/** @param {ts.Node} node */
function isPrivate(node) {
  const { name, modifiers } = /** @type {any} */ (node);
  if (name?.kind === ts.SyntaxKind.PrivateIdentifier) return true;
  if (modifiers?.some((/** @type {ts.Node} */ { kind }) => kind === ts.SyntaxKind.PrivateKeyword)) return true;
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "internal");
}

/**
 * The lines of a docstring as Markdown. Each tag becomes a list item, so that it is no part of the sentence before it.
 * @param {string} comment
 */
function readDocstring(comment) {
  let tag = "";
  return comment.split("\n").map((line) => {
    const text = line
      .replace(/^\s*(?:\/\*)?\*+ ?/, "")
      .replace(/^\/$/, "")
      .replace(/\s*\*\/\s*$/, "");
    const [, begun, rest = ""] = /^@(\w+)\s*(.*)$/.exec(text) ?? [];
    tag = begun ?? tag;
    // Code, types and addresses, in the lines after the tag as well.
    if (["example", "see", "default", "typedef", "type"].includes(tag)) return "";
    const named = ["param", "template"].includes(begun ?? "") ? rest.replace(/^\S+\s*(?:- )?/, "") : rest;
    return (begun ? `- ${named}` : text).replace(/\{@link\w* [^}]*\}/g, "`link`");
  });
}

/** A property whose text lists names in other libraries (bindings/js/options/words.ts). */
const FOREIGN = "elsewhere";

/**
 * What a string or a template says, where it has words enough to be read by people; the values in it count as code.
 * @param {ts.Node} node
 */
function messageOf(node) {
  let text;
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) text = node.text;
  else if (ts.isTemplateExpression(node))
    text = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(CODE);
  text = text?.replace(/\b[\w.]+\(\)|`[^`]+`|\binitialize\b/g, CODE); // calls, code, and a function that messages name
  return text !== undefined && /(?:[\p{L}\uFFFC]+[,:;]? ){3}/u.test(text) && !/[{}<>]|=>/.test(text) ? text : undefined;
}

/**
 * The texts of a page: what stands between its tags, and in the attributes that people read or hear.
 * @param {string} html
 * @returns {import("./text.mjs").Block[]}
 */
export function proseOfHtml(html) {
  const blank = (/** @type {string} */ text) => text.replace(/[^\n]/g, " ");
  const read = html.replace(/<!--[\s\S]*?-->|<(script|style|code|pre)\b[\s\S]*?<\/\1>/g, blank);
  const texts = read.matchAll(/>([^<]+)<|\b(?:alt|aria-label|content|placeholder|title)="([^"]+)"/g);
  return Array.from(texts, ({ 1: between, 2: attribute, index }) => ({ text: between ?? attribute ?? "", index }))
    .filter(({ text }) => /\p{L}/u.test(text))
    .map(({ text, index }) => ({
      kind: /** @type {const} */ ("paragraph"),
      text: text.trim().replace(/\s+/g, " ").replaceAll("&amp;", "&"),
      line: (read.slice(0, index) + (/^\s*/.exec(text)?.[0] ?? "")).split("\n").length,
    }));
}
