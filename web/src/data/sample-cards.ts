import { hook, make } from "../base/dom.ts";
import { samples } from "./samples.ts";
import "./sample-cards.css";

const list = hook("samples", HTMLUListElement);
const buttons = new Map<string, HTMLButtonElement>();

/** The sample sets as cards. */
export function onSample(open: (key: string) => void): void {
  for (const { key, name, glyph, about } of samples) {
    const icon = make("span", "emoji sample-glyph", glyph);
    icon.setAttribute("aria-hidden", "true");
    const button = make(
      "button",
      "sample",
      icon,
      make("span", "sample-name", name),
      make("span", "sample-about", about),
    );
    button.type = "button";
    button.dataset.testid = `sample-${key}`;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => open(key));
    buttons.set(key, button);
    list.append(make("li", "", button));
  }
}

export function markSample(key: string | undefined): void {
  for (const [own, button] of buttons) button.setAttribute("aria-pressed", String(own === key));
}
