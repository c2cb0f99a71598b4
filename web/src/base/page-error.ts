import type { Wording } from "rqvae";
import { hook, make, scrollTo } from "./dom.ts";
import { MissingPart } from "./missing-part.ts";
import { fieldOf } from "./option-list.ts";
import { asSentence, inPageWords } from "./page-words.ts";

/** A message for the visitor, shown as it is. */
export class PageError extends Error {
  override readonly name = "PageError";
  /** The field of the form that it is about. */
  field?: string;
}

const region = hook("error", HTMLDivElement);
const home = region.nextElementSibling!;

/** An error's message in the page's words: without the name of the call, and with fields named as in the form. */
export function inPlainWords(error: unknown): string {
  const { wording, message } = error as { wording?: Wording; message?: string };
  if (wording) return inPageWords(wording);
  return asSentence(message ?? String(error));
}

/** The field of the form that an error is about. */
function fieldOfError(error: unknown): string | undefined {
  for (const part of (error as { wording?: Wording }).wording ?? []) {
    if (typeof part === "object" && "option" in part && fieldOf(part.option)) return fieldOf(part.option)!.field;
  }
  return undefined;
}

export function clearError(): void {
  region.hidden = true;
  region.textContent = "";
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
}

function reloadButton(): HTMLButtonElement {
  const button = make("button", "button primary", "Reload the page");
  button.type = "button";
  button.addEventListener("click", () => location.reload());
  return button;
}

/** Shows what went wrong in plain words and marks the field. */
export function showError(error: unknown): void {
  clearError();
  console.error(error);
  const ready = error instanceof PageError;
  region.textContent = (ready ? error.message : inPlainWords(error)) || "Something went wrong. Please try again.";
  if (error instanceof MissingPart) region.append(reloadButton());
  region.hidden = false;
  const field = ready ? error.field : fieldOfError(error);
  const input = field && document.querySelector<HTMLElement>(`[data-testid="option-${field}"]`);
  // Next to the field or step that it is about.
  if (input) input.closest("form")?.querySelector(".form-actions")?.before(region);
  else home.before(region);
  if (input) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-errormessage", region.id);
  }
  scrollTo(region, "center");
}
