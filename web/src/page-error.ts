import { hook, scrollTo } from "./dom.ts";

/** A message for the visitor, to be shown as it is. */
export class PageError extends Error {
  override readonly name = "PageError";
  /** The field of the form that it is about. */
  field?: string;
}

const region = hook("error", HTMLDivElement);

/** The library's arguments, the fields of the form that they come from and what the page calls these. */
const fields: Record<string, [field: string, label: string]> = {
  nQuantizationLayers: ["levels", "Levels"],
  codebookSize: ["codes", "Codes per level"],
  epochs: ["epochs", "Epochs"],
  batchSize: ["batch", "Batch size"],
  latentDim: ["latent", "Latent width"],
  seed: ["seed", "Seed"],
};
const argumentName = new RegExp(`\\b(${Object.keys(fields).join("|")})\\b`, "g");

/** The library's message in the page's words: without the name of the call, with fields named as in the form. */
function inPlainWords(message: string): string {
  return message
    .replace(/^(RQVAE\.create|train|suggestConfig): /, "")
    .replace(argumentName, (name) => `“${fields[name]![1]}”`)
    .replace(/[^.!?]$/, "$&.");
}

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
  const ready = error instanceof PageError;
  region.textContent = (ready ? message : inPlainWords(message)) || "Something went wrong. Please try again.";
  region.hidden = false;
  const field = ready ? error.field : fields[message.match(argumentName)?.[0] ?? ""]?.[0];
  const input = field && document.querySelector<HTMLInputElement>(`input[name="${field}"]`);
  if (input) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", region.id);
  }
  scrollTo(region, "center");
}
