/** Arguments of the benches: options that take all words that follow, `--json FILE`, `--seeds N`, `--markdown`, `--check`. */
import { parseArgs } from "node:util";

/**
 * Reads the arguments of the process. What is wrong ends it with exit code 2.
 * @param {string} program
 * @param {readonly string[]} names of the options that take all words that follow; the first of them also those that follow none
 * @param {readonly string[]} [flags] others that stand alone
 */
export function readLists(program, names, flags = []) {
  /** @type {(message: string) => never} */
  const refuse = (message) => {
    console.error(`${program}: ${message}`);
    process.exit(2);
  };
  /** @type {Record<string, string[]>} */
  const lists = Object.fromEntries(names.map((name) => [name, []]));
  /** @type {(what: string, given: readonly string[], known: readonly string[]) => void} */
  const checkNames = (what, given, known) => {
    const unknown = given.find((name) => !known.includes(name));
    if (unknown !== undefined) refuse(`unknown ${what} "${unknown}"; there are ${known.join(", ")}`);
  };
  try {
    const { values, tokens } = parseArgs({
      allowPositionals: true,
      tokens: true,
      options: {
        ...{ json: { type: "string" }, seeds: { type: "string" } },
        ...{ check: { type: "boolean" }, markdown: { type: "boolean" } },
        ...Object.fromEntries(flags.map((name) => [name, { type: /** @type {const} */ ("boolean") }])),
        ...Object.fromEntries(names.map((name) => [name, { type: /** @type {const} */ ("string"), multiple: true }])),
      },
    });
    let last = names[0];
    for (const token of tokens) {
      if (token.kind === "option" && names.includes(token.name)) {
        last = token.name;
        lists[last].push(/** @type {string} */ (token.value));
      } else if (token.kind === "positional") lists[last].push(token.value);
    }
    return { values: /** @type {Record<string, any>} */ (values), lists, refuse, checkNames };
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message);
  }
}
