/** Turns the given options of a table into a complete and checked configuration. */

import { invalid } from "../base/errors.ts";
import type { OptionReader } from "../base/option-reader.ts";
import { call, option } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { Of, Row, Table, Value } from "./table.ts";

/**
 * Reads the options of a table, fills in the defaults and checks the ranges; the caller refuses unknown names, with its reader.
 * @throws InvalidInputError
 */
export function resolve(read: OptionReader, where: string, table: Table): Record<string, Value> {
  const values = new Map<string, Value>();
  const given = (name: string) => read.get(name) ?? undefined;
  const of: Of = (name) => {
    if (!values.has(name)) values.set(name, readValue(read, where, name, table[name]!, of, given));
    return values.get(name) as never;
  };
  return Object.fromEntries(Object.keys(table).map((name) => [name, of(name)]));
}

/**
 * Checks a complete configuration for options that exclude each other.
 * @param options The given options, where it matters whether one was given.
 * @param beside The configuration of the model that they are for.
 * @throws InvalidInputError that says which to leave out.
 */
export function checkExclusions(table: Table, where: string, config: object, options: object = {}, beside = {}): void {
  const all: Record<string, Value> = { ...beside, ...config };
  for (const [name, { excludes }] of Object.entries(table)) {
    const complaint = excludes?.((other) => all[other] as never, (options as Record<string, unknown>)[name]);
    if (complaint) throw invalid("OPTIONS_CONFLICT")`${call(where)}${complaint}`;
  }
}

/** A configuration as the binding reads it: choices as numbers. */
export function nativeConfig(table: Table, config: object): object {
  const values = Object.entries(config).map(([name, value]) => {
    const row = table[name];
    return [name, row?.kind === "choice" ? row.choices.indexOf(value) : value];
  });
  return Object.fromEntries(values);
}

function readValue(
  read: OptionReader,
  where: string,
  name: string,
  row: Row,
  of: Of,
  given: (name: string) => unknown,
): Value {
  // Only evaluated if nothing was given: the options that it depends on may be invalid themselves.
  const fallback = () => row.instead?.(of, given) ?? row.default;
  const usual = (given(name) === undefined ? fallback() : row.default) as never;
  switch (row.kind) {
    case "integer":
      return read.integer(name, usual, row.min, row.max);
    case "number":
      return read.number(name, usual, row.min, row.max, row.isOpen);
    case "choice":
      return read.choice(name, row.choices, usual);
    case "flag":
      if (row.also === undefined) return read.boolean(name, usual);
      if (given(name) === row.also) return true;
      if (typeof (given(name) ?? usual) !== "boolean") read.fail(name, `true, false or "${row.also}"`);
      return (given(name) ?? usual) as boolean;
    case "integers": {
      const numbers = read.integers(name, usual, row.min, row.max);
      if (numbers.length > row.most) read.fail(name, `at most ${row.most} whole numbers`);
      return numbers;
    }
    case "numberPerLevel":
      return read.numbers(name, usual, of("nQuantizationLayers"), row.min);
    case "integerPerLevel": {
      const list = given(name);
      if (!Array.isArray(list) && !ArrayBuffer.isView(list)) {
        const one = read.integer(name, usual, row.min, row.max);
        return new Array<number>(of("nQuantizationLayers")).fill(one);
      }
      // Count them before checking each: a file may have millions.
      const { length } = list as ArrayLike<unknown>;
      if (length < 1 || length > row.most) read.fail(name, `a number, or 1 to ${row.most} of them`);
      const numbers = read.integers(name, [], row.min, row.max);
      const levels = of<number>("nQuantizationLayers");
      if (levels !== numbers.length) {
        throw invalid(
          "OPTIONS_CONFLICT",
        )`${call(where)}${option(name)} has ${counted(numbers.length, "entry")} but ${option("nQuantizationLayers")} is ${levels}${{ hint: "give one size per level" }}`;
      }
      return numbers;
    }
  }
}
