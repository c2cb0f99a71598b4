import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import type { Vocabulary } from "../../tokens/vocabulary.ts";

/**
 * The tokens to add to a language model, in one of Hugging Face's forms: the "map" of `added_tokens.json`, `{ token: id }`; or the "list"
 * of AddedToken objects under `added_tokens` in tokenizer.json.
 */
export function writeAddedTokens(vocabulary: Vocabulary, form: "map" | "list" = "map"): string {
  requireThat(typeof vocabulary?.addedTokens === "function", "vocabulary", "a Vocabulary", vocabulary);
  const tokens = vocabulary.addedTokens();
  if (form === "list") return `[\n${tokens.map((token) => `  ${JSON.stringify(token)}`).join(",\n")}\n]\n`;
  if (form !== "map") throw invalid()`${{ argument: "form" }} must be "map" or "list", got ${describeValue(form)}`;
  return `{\n${tokens.map(({ content, id }) => `  ${JSON.stringify(content)}: ${id}`).join(",\n")}\n}\n`;
}
