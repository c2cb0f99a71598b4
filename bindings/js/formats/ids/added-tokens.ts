import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import type { AddedToken, Vocabulary } from "../../tokens/vocabulary.ts";
import { asText } from "../io/bytes.ts";

/**
 * The tokens to add to a language model, in one of Hugging Face's forms: the "map" of `added_tokens.json`, `{ token: id }`; or the "list"
 * of AddedToken objects that tokenizer.json has under `added_tokens`.
 */
export function writeAddedTokens(vocabulary: Vocabulary, form: "map" | "list" = "map"): string {
  requireThat(typeof vocabulary?.addedTokens === "function", "vocabulary", "a Vocabulary", vocabulary);
  const tokens = vocabulary.addedTokens();
  if (form === "list") return `[\n${tokens.map((token) => `  ${JSON.stringify(token)}`).join(",\n")}\n]\n`;
  if (form !== "map") throw invalid()`${{ argument: "form" }} must be "map" or "list", got ${describeValue(form)}`;
  return `{\n${tokens.map(({ content, id }) => `  ${JSON.stringify(content)}: ${id}`).join(",\n")}\n}\n`;
}

/** Reads either form: the integer of each token. @throws InvalidInputError naming the entry that is none, or a token or integer twice. */
export function readAddedTokens(text: string): Map<string, number> {
  let value: unknown;
  try {
    value = JSON.parse(asText(text));
  } catch (error) {
    throw invalid("NOT_JSON")`the text is not JSON: ${(error as Error).message}`;
  }
  if (typeof value !== "object" || value === null) {
    throw invalid("FILE_CONTENT")`expected { token: id } or a list of AddedToken objects, got ${describeValue(value)}`;
  }
  const entries = Array.isArray(value)
    ? value.map((token: Partial<AddedToken> | null) => [token?.content, token?.id] as const)
    : Object.entries(value as Record<string, unknown>);
  const tokens = new Map<string, number>();
  const ids = new Set<number>();
  for (const [i, [token, id]] of entries.entries()) {
    if (typeof token !== "string" || !Number.isInteger(id) || (id as number) < 0) {
      throw invalid(
        "FILE_CONTENT",
      )`entry ${i} must have a token and its integer, got ${describeValue(token)}: ${describeValue(id)}`;
    }
    if (tokens.has(token) || ids.has(id as number)) {
      throw invalid("ITEM_TWICE")`entry ${i}: ${describeValue(token)} or its integer ${String(id)} was there before`;
    }
    tokens.set(token, id as number);
    ids.add(id as number);
  }
  return tokens;
}
