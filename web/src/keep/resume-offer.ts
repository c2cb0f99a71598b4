import { hook } from "../base/dom.ts";
import { formatAgo, formatCount, plural } from "../base/words.ts";
import { nameSource } from "../data/data-set.ts";
import { findInterruptedRun, forgetStoredRun, isRunningSomewhere, type StoredRun } from "../lab/stored-run.ts";
import type { DataSource } from "../lab/types.ts";
import { findSource } from "./choose-again.ts";

const banner = hook("resume", HTMLElement);
const text = hook("resume-text", HTMLParagraphElement);
const resumeButton = hook("resume-stored", HTMLButtonElement);

/**
 * Offers the run that a closed or reloaded page left behind; asks for its file again if that was too large to keep.
 * @returns what looks for such a run once more.
 */
export function offerResumption(resume: (run: StoredRun, source: DataSource) => void): () => void {
  let run: StoredRun | undefined;
  const offer = async () => {
    run = await findInterruptedRun();
    banner.hidden = run === undefined;
    if (run) describe(run);
  };
  resumeButton.addEventListener("click", async () => {
    if (!run) return;
    if (await isRunningSomewhere(run.key)) {
      text.textContent = "Another tab has resumed this run by now.";
      return;
    }
    const found = await findSource(run.source, (message) => {
      text.textContent = message;
    });
    if (!found) return;
    banner.hidden = true;
    resume(run, found);
  });
  hook("discard-stored", HTMLButtonElement).addEventListener("click", async () => {
    if (run) await forgetStoredRun(run.key).catch(() => {});
    await offer(); // there may be an older one
  });
  void offer();
  return () => void offer();
}

function describe({ epoch, epochs, items, noun, source, savedAt }: StoredRun): void {
  const { name } = nameSource(source);
  const isAbsent = source.kind === "absent";
  text.textContent =
    `A run was interrupted ${formatAgo(Date.now() - savedAt)}: ${plural(items, ...noun)} (${name}), ` +
    `epoch ${formatCount(Math.min(epoch + 1, epochs))} of ${formatCount(epochs)}. It is kept in this browser only` +
    (isAbsent ? `, without its file. To resume, choose ${name} again.` : ".");
  resumeButton.textContent = isAbsent ? "Choose the file" : "Resume";
}
