import { nameSource } from "./data-set.ts";
import { hook } from "./dom.ts";
import { findInterruptedRun, forgetStoredRun, type StoredRun } from "./stored-run.ts";
import { formatAgo, formatCount, plural } from "./words.ts";

const banner = hook("resume", HTMLElement);

/** Offers the run that a closed or reloaded page left behind. */
export async function offerResumption(resume: (run: StoredRun) => void): Promise<void> {
  const run = await findInterruptedRun();
  if (!run) return;
  const { epoch, epochs, items, noun, source, savedAt } = run;
  hook("resume-text", HTMLParagraphElement).textContent =
    `A run was interrupted ${formatAgo(Date.now() - savedAt)}: ${plural(items, ...noun)} (${nameSource(source).name}), ` +
    `epoch ${formatCount(Math.min(epoch + 1, epochs))} of ${formatCount(epochs)}. It is kept in this browser only.`;
  hook("resume-stored", HTMLButtonElement).addEventListener("click", () => {
    banner.hidden = true;
    resume(run);
  });
  hook("discard-stored", HTMLButtonElement).addEventListener("click", () => {
    banner.hidden = true;
    void forgetStoredRun();
  });
  banner.hidden = false;
}
