import type { Recognised } from "../lab/recognise.ts";
import type { DataSource } from "../lab/types.ts";

/** What to do with files that arrived together. */
export interface Intake {
  /** Items to open. */
  open?: DataSource;
  /** Titles for the items that are there. */
  titles?: File;
  /** What is wrong with some of the files, in sentences; "" if nothing is. */
  complaint: string;
}

/**
 * Decides what files are for, whatever they are called and in whatever order they arrived.
 * @param current Where the items that are shown, or being read, come from.
 */
export function planIntake(files: readonly Recognised[], current: DataSource | undefined): Intake {
  const of = (role: Recognised["role"]) => files.filter((file) => file.role === role);
  const [items, ...moreItems] = of("items");
  const [titles, ...moreTitles] = of("titles");
  const complaints = files.flatMap((file) => (file.role === "refused" ? [file.why] : []));
  const tooMany = (kept: Recognised, others: readonly Recognised[], what: string) =>
    complaints.push(
      `Several files hold ${what}. ${kept.file.name} was taken, and not ${others.map(({ file }) => file.name).join(", ")}: drop one of them alone to use it instead.`,
    );
  if (items && moreItems.length > 0) tooMany(items, moreItems, "embeddings");
  if (titles && moreTitles.length > 0) tooMany(titles, moreTitles, "titles");
  const complaint = complaints.join(" ");
  if (items) {
    // Titles that came first, and were all there was.
    const earlier = current?.kind === "files" && current.fromWords ? current.items : undefined;
    const labels = titles?.file ?? earlier;
    return { open: { kind: "files", items: items.file, ...(labels && { labels }) }, complaint };
  }
  if (!titles) return { complaint };
  if (current?.kind === "files" && !current.fromWords) return { titles: titles.file, complaint };
  return { open: { kind: "files", items: titles.file, fromWords: true }, complaint };
}
