import type { TrainWarning } from "rqvae";
import { hook, make } from "./dom.ts";
import { inPageWords } from "./page-words.ts";
import { ordinal } from "./words.ts";

const list = hook("warnings", HTMLUListElement);

/** What is going on, and what to do, without the field's jargon. */
function inWords({ kind, level, wording }: TrainWarning): string {
  const which = level === undefined ? "" : ` at the ${ordinal(level)} code`;
  switch (kind) {
    case "collapse":
      return `Many codes are unused${which}. Fewer codes per level or a smaller learning rate would help.`;
    case "collisions":
      return "Many items share an ID so far. If that stays so, take more codes per level, or one level more.";
    case "divergence":
      return "It is unlearning: what was lost grew again. A smaller learning rate would help.";
    case "learningRate":
      return `The codes do not keep up${which}. A smaller learning rate would help.`;
    case "overfitting":
      return "It begins to learn the items by heart. The best state is kept; fewer epochs would do.";
    case "dominatedByColumn":
    case "duplicates":
    case "constant":
      return inPageWords(wording);
  }
}

/** The warnings that hold now. Those that no longer do go away. */
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
