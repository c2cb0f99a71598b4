import type { IdStatistics } from "rqvae";
import { hook, make } from "./dom.ts";
import { formatCount, ordinal } from "./words.ts";

/** One bar a level: how many of its codes some item uses. */
export class UsageBars {
  private readonly list = hook("usage", HTMLUListElement);
  private bars: { fill: HTMLElement; text: HTMLElement }[] = [];

  reset(levels: number): void {
    this.bars = [];
    this.list.replaceChildren();
    for (let level = 0; level < levels; level++) {
      const fill = make("i");
      const text = make("span", "usage-count", "–");
      const name = ordinal(level);
      this.list.append(
        make(
          "li",
          "",
          make("span", "usage-name", `${name[0]!.toUpperCase()}${name.slice(1)} code`),
          text,
          make("span", "usage-bar", fill),
        ),
      );
      this.bars.push({ fill, text });
    }
  }

  show(ids: IdStatistics): void {
    if (this.bars.length !== ids.usage.length) this.reset(ids.usage.length);
    ids.usage.forEach((share, level) => {
      const used = ids.usedCodes[level]!;
      const bar = this.bars[level]!;
      bar.fill.style.inlineSize = `${share * 100}%`;
      bar.text.textContent = `${formatCount(used)} of ${formatCount(Math.round(used / share) || 0)}`;
      bar.text.title = `spread as evenly as ${formatCount(ids.perplexity[level]!)} codes used alike`;
    });
  }
}
