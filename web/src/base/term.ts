import { make } from "./dom.ts";
import { glossary, type Term } from "./glossary.ts";

/** The one bubble that all terms share. */
let bubble: HTMLElement | undefined;
let shownFor: HTMLElement | undefined;

function hide(): void {
  if (bubble?.matches(":popover-open")) bubble.hidePopover();
  shownFor?.removeAttribute("aria-describedby");
  shownFor = undefined;
}

function show(button: HTMLElement, text: string): void {
  if (!bubble) {
    bubble = make("div", "term-bubble");
    bubble.id = "term-bubble";
    bubble.popover = "manual";
    bubble.setAttribute("role", "tooltip");
    document.body.append(bubble);
    addEventListener("keydown", (event) => event.key === "Escape" && hide());
    // A focused term may have scrolled into view just now.
    const follow = () => (shownFor && shownFor === document.activeElement ? place(shownFor) : hide());
    addEventListener("scroll", follow, { passive: true, capture: true });
  }
  hide();
  bubble.textContent = text;
  bubble.showPopover();
  button.setAttribute("aria-describedby", bubble.id);
  shownFor = button;
  place(button);
}

function place(button: HTMLElement): void {
  if (!bubble) return;
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = bubble;
  bubble.style.left = `${Math.max(8, Math.min(innerWidth - width - 8, at.left + at.width / 2 - width / 2))}px`;
  bubble.style.top = `${at.top > height + 12 ? at.top - height - 8 : at.bottom + 8}px`;
}

/** `<rq-term name="level">Levels</rq-term>`: a word that explains itself on hover, focus or tap. */
export class TermElement extends HTMLElement {
  connectedCallback(): void {
    if (this.firstElementChild) return;
    const text = glossary[this.getAttribute("name") as Term];
    const button = make("button", "term", ...this.childNodes);
    button.type = "button";
    this.replaceChildren(button);
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(button, text));
    button.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
    button.addEventListener("focus", () => show(button, text));
    button.addEventListener("blur", hide);
    button.addEventListener("click", () => show(button, text));
  }
}

customElements.define("rq-term", TermElement);

/** A term made by code. */
export function term(name: Term, words: string): HTMLElement {
  const element = document.createElement("rq-term");
  element.setAttribute("name", name);
  element.append(words);
  return element;
}
