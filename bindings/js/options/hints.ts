/** Advice for callers who pass something unexpected. Loaded with what trains, see `hints` in option-reader.ts. */

import { hints } from "../base/option-reader.ts";
import { quoted, type Wording, worded } from "../base/wording.ts";
import { adviseItems } from "./item-forms.ts";
import { explainName, nearestName } from "./other-names.ts";

/** From now on errors come with advice. */
export function useHints(): void {
  hints.option = adviceOn;
  hints.items = adviseItems;
}

/**
 * What to do about an unknown option: what it is called here, where it belongs, or what may have been meant. Starts with the mark that ends
 * the sentence before.
 */
function adviceOn(name: string, known: readonly string[]): Wording {
  const advice = explainName(name, known);
  if (advice) return advice;
  const nearest = nearestName(name, known);
  return nearest === undefined ? [] : worded`; did you mean ${quoted(nearest)}?`;
}
