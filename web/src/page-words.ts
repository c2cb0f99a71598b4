import type { Wording } from "rqvae";
import { fieldOf } from "./option-list.ts";

/** A message of the library as the page says it: options by their labels in the form, a capital at the beginning, a full stop. */
export function inPageWords(wording: Wording): string {
  const text = wording
    .map((part) => {
      if (typeof part === "string") return part;
      if ("call" in part) return "";
      if ("epoch" in part) return `epoch ${part.epoch + 1}`;
      if ("api" in part) return part.api;
      const label = `“${fieldOf(part.option)?.label ?? part.option}”`;
      if (part.value === undefined || part.value === true) return label;
      return typeof part.value === "string" ? `${label} “${part.value}”` : `${label} ${part.value}`;
    })
    .join("");
  return (text.charAt(0).toUpperCase() + text.slice(1)).replace(/[^.!?]$/, "$&.");
}
