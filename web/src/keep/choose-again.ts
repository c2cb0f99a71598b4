import { make } from "../base/dom.ts";
import { formatBytes, formatCount, plural } from "../base/words.ts";
import { sampleSource } from "../data/data-set.ts";
import type { AbsentFile } from "../lab/stored-run.ts";
import type { DataSource } from "../lab/types.ts";

/** What a kept source is now: a sample is where this version of the page has it, and a file that was too large to keep is asked for. */
export async function findSource(
  source: DataSource | AbsentFile,
  tell: (text: string) => void,
): Promise<DataSource | undefined> {
  if (source.kind === "sample") return sampleSource(source.key);
  return source.kind === "absent" ? chooseAgain(source, tell) : source;
}

/** The file, chosen by the visitor. Whoever uses it checks that it holds the same items. */
function chooseAgain(
  { name, size, kind: _, ...rest }: AbsentFile,
  tell: (text: string) => void,
): Promise<DataSource | undefined> {
  const input = make("input");
  input.type = "file";
  return new Promise((resolve) => {
    input.addEventListener("cancel", () => resolve(undefined));
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file?.size === size) {
        resolve({ ...rest, kind: "files", items: file });
        return;
      }
      if (file) {
        tell(
          `${file.name} is another file: ${name} had ${plural(size, "byte")} (${formatBytes(size)}), this one has ${formatCount(file.size)}. Please choose ${name}.`,
        );
      }
      resolve(undefined);
    });
    input.click();
  });
}
