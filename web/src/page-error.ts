import { hook, scrollTo } from "./dom.ts";

/** A message for the visitor, to be shown as it is. */
export class PageError extends Error {
  override readonly name = "PageError";
}

const region = hook("error", HTMLDivElement);

/** The argument that a message of the library begins with or names, and the field of the form it was given in. */
const fieldOfArgument: [RegExp, string][] = [
  [/\bnQuantizationLayers\b/, "levels"],
  [/\bcodebookSizes?\b/, "codes"],
  [/\bepochs\b/, "epochs"],
  [/\bbatchSize\b/, "batch"],
  [/\blatentDim\b/, "latent"],
  [/\bseed\b/, "seed"],
];

export function clearError(): void {
  region.hidden = true;
  region.textContent = "";
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

/** Shows what went wrong in plain words, and marks the field it is about. */
export function showError(error: unknown): void {
  clearError();
  console.error(error);
  const message = error instanceof Error ? error.message : String(error);
  region.textContent = message || "Something went wrong. Please try again.";
  region.hidden = false;
  if (error instanceof Error && error.name !== "PageError") {
    const field = fieldOfArgument.find(([argument]) => argument.test(message))?.[1];
    const input = field && document.querySelector<HTMLInputElement>(`input[name="${field}"]`);
    if (input) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", region.id);
    }
  }
  scrollTo(region, "center");
}
