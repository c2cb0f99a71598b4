/** The element with a data-testid: the page's stable names, for its own code as for its tests. */
export function hook<T extends HTMLElement>(name: string, type: new () => T): T {
  const element = document.querySelector(`[data-testid="${name}"]`);
  if (!(element instanceof type)) throw new Error(`The page has no ${type.name} named ${name}`);
  return element;
}

/** Makes an element with a class and children; strings become text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Scrolls to an element, at once for people who prefer reduced motion. */
export function scrollTo(element: Element, block: ScrollLogicalPosition = "start"): void {
  element.scrollIntoView({ behavior: reducedMotion.matches ? "auto" : "smooth", block });
}
