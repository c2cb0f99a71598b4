import { make } from "./dom.ts";

/** Colours of the page's current colour scheme. */
const resolved = new Map<string, string>();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => resolved.clear());

/** A custom property of the style sheet as a canvas takes it: light-dark() is worked out by the browser. */
export function resolveColor(property: string): string {
  let color = resolved.get(property);
  if (color === undefined) {
    const probe = make("span");
    probe.style.color = `var(${property})`;
    document.body.append(probe);
    color = getComputedStyle(probe).color;
    probe.remove();
    resolved.set(property, color);
  }
  return color;
}
