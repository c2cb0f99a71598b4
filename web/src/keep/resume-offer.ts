import { hook, make } from "../base/dom.ts";
import { formatAgo, formatBytes, formatCount, plural } from "../base/words.ts";
import { nameSource, sampleSource } from "../data/data-set.ts";
import { type AbsentFile, findInterruptedRun, forgetStoredRun, type StoredRun } from "../lab/stored-run.ts";
import type { DataSource } from "../lab/types.ts";

const banner = hook("resume", HTMLElement);
const text = hook("resume-text", HTMLParagraphElement);

/** Offers the run that a closed or reloaded page left behind; asks for its file again if that was too large to keep. */
export async function offerResumption(resume: (run: StoredRun, source: DataSource) => void): Promise<void> {
  const run = await findInterruptedRun();
  if (!run) return;
  const { epoch, epochs, items, noun, source, savedAt } = run;
  const { name } = nameSource(source);
  text.textContent =
    `A run was interrupted ${formatAgo(Date.now() - savedAt)}: ${plural(items, ...noun)} (${name}), ` +
    `epoch ${formatCount(Math.min(epoch + 1, epochs))} of ${formatCount(epochs)}. It is kept in this browser only` +
    (source.kind === "absent" ? `, without its file. To resume, choose ${name} again.` : ".");
  const button = hook("resume-stored", HTMLButtonElement);
  if (source.kind === "absent") button.textContent = "Choose the file";
  button.addEventListener("click", async () => {
    const found = source.kind === "absent" ? await chooseAgain(source) : refreshed(source);
    if (!found) return;
    banner.hidden = true;
    resume(run, found);
  });
  hook("discard-stored", HTMLButtonElement).addEventListener("click", () => {
    banner.hidden = true;
    void forgetStoredRun();
  });
  banner.hidden = false;
}

/** A sample comes from where this version of the page keeps it. */
const refreshed = (source: DataSource) => (source.kind === "sample" ? sampleSource(source.key) : source);

/** The file, chosen by the visitor. The run checks that it holds the same items when it resumes. */
function chooseAgain({ name, size, labels, withoutBadRows }: AbsentFile): Promise<DataSource | undefined> {
  const input = make("input");
  input.type = "file";
  return new Promise((resolve) => {
    input.addEventListener("cancel", () => resolve(undefined));
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file?.size === size) {
        resolve({
          ...{ kind: "files", items: file },
          ...(labels && { labels }),
          ...(withoutBadRows && { withoutBadRows }),
        });
        return;
      }
      if (file) {
        text.textContent = `${file.name} is another file: ${name} had ${plural(size, "byte")} (${formatBytes(size)}), this one has ${formatCount(file.size)}. Please choose ${name}.`;
      }
      resolve(undefined);
    });
    input.click();
  });
}
