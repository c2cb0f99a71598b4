import type { TrainWarning } from "rqvae";
import { hook, make } from "../base/dom.ts";
import { inPageWords } from "../base/page-words.ts";
import { ordinal } from "../base/words.ts";

const list = hook("warnings", HTMLUListElement);

/** What is happening and what to do, without jargon. */
function inWords({ kind, level, wording }: TrainWarning): string {
  const which = level === undefined ? "" : ` at the ${ordinal(level)} code`;
  switch (kind) {
    case "collapse":
      return `Many codes are unused${which}. Fewer codes per level or a smaller learning rate would help.`;
    case "collisions":
      return "Many items share an ID so far. If that does not change, use more codes per level or one more level.";
    case "divergence":
      return "Training is getting worse: the error is growing again. A smaller learning rate would help.";
    case "learningRate":
      return `The codes do not keep up${which}. A smaller learning rate would help.`;
    case "overfitting":
      return "The network is starting to memorise the items. The best epoch is kept; fewer epochs would do.";
    case "dominatedByColumn":
    case "duplicates":
    case "constant":
      return inPageWords(wording);
  }
}

/** Shows the current warnings and removes those that no longer apply. */
export function showWarnings(warnings: readonly TrainWarning[]): void {
  const texts = new Map(warnings.map((warning) => [inWords(warning), inPageWords(warning.wording)]));
  const shown = [...list.children].map((child) => child.querySelector("span")!.textContent);
  if (shown.length === texts.size && shown.every((text) => texts.has(text))) return;
  list.replaceChildren(
    ...[...texts].map(([text, detail]) => {
      const item = make("li", "finding note", make("b", "", "Note"), make("span", "", text));
      item.title = detail;
      return item;
    }),
  );
}
