import { RQVAEError, type Wording } from "rqvae";
import { fieldOf } from "./option-list.ts";

/** A message of the library as the page says it: options by their labels in the form, a capital at the beginning, a full stop. */
export function inPageWords(wording: Wording): string {
  const text = new RQVAEError(wording).inWords((part) => {
    if ("call" in part) return "";
    if ("epoch" in part) return `epoch ${part.epoch + 1}`;
    const field = "option" in part && fieldOf(part.option);
    if (!field) return undefined;
    const label = `“${field.label}”`;
    if (part.value === undefined || part.value === true) return label;
    return typeof part.value === "string" ? `${label} “${part.value}”` : `${label} ${part.value}`;
  });
  return asSentence(
    typeof wording[0] === "object" && "file" in wording[0] ? text : text.charAt(0).toUpperCase() + text.slice(1),
  );
}

/** With a full stop, unless another mark ends it. */
export const asSentence = (text: string): string => text.replace(/[^.!?]$/, "$&.");
