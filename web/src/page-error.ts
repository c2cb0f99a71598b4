import { hook, scrollTo } from "./dom.ts";
import { fieldOf, optionFields } from "./option-list.ts";

/** A message for the visitor, to be shown as it is. */
export class PageError extends Error {
  override readonly name = "PageError";
  /** The field of the form that it is about. */
  field?: string;
}

const region = hook("error", HTMLDivElement);
const home = region.nextElementSibling!;

const argumentName = new RegExp(`\\b(${optionFields.map(({ option }) => option).join("|")})\\b`, "g");

/** The library's message in the page's words: without the name of the call, with fields named as in the form. */
export function inPlainWords(message: string): string {
  return message
    .replace(/^(RQVAE\.create|RQVAE\.load|train|suggestConfig|encode): /, "")
    .replace(argumentName, (name) => `“${fieldOf(name)!.label}”`)
    .replace(/[^.!?]$/, "$&.");
}

export function clearError(): void {
  region.hidden = true;
  region.textContent = "";
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
}

/** Shows what went wrong in plain words, and marks the field it is about. */
export function showError(error: unknown): void {
  clearError();
  console.error(error);
  const message = error instanceof Error ? error.message : String(error);
  const ready = error instanceof PageError;
  region.textContent = (ready ? message : inPlainWords(message)) || "Something went wrong. Please try again.";
  region.hidden = false;
  const field = ready ? error.field : fieldOf(message.match(argumentName)?.[0] ?? "")?.field;
  const input = field && document.querySelector<HTMLElement>(`[data-testid="option-${field}"]`);
  // Beside what it is about.
  if (input) input.closest("form")?.querySelector(".form-actions")?.before(region);
  else home.before(region);
  if (input) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-errormessage", region.id);
  }
  scrollTo(region, "center");
}
