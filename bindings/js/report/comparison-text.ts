import { counted, percent, thousands } from "../base/words.ts";
import { levelLetter } from "../ids/semantic-ids.ts";
import type { Branch, BranchChange } from "./branch-changes.ts";
import type { IdComparison } from "./id-comparison.ts";

/** Branches and items that the text names of each kind. */
const NAMED = 5;

/** The comparison in plain words. */
export function describeComparison(comparison: Omit<IdComparison, "text">): string {
  const { items, added, removed, levels, perDepth, moved } = comparison;
  const lines = [describeWhole(comparison)];
  const shares = (of: "unchangedShare" | "alignedShare") => perDepth.map((each) => percent(each[of])).join(", ");
  const same = perDepth.every(({ unchanged, aligned }) => unchanged === aligned);
  lines.push(`  by number of first codes that are unchanged: ${shares("unchangedShare")}`);
  lines.push(
    same
      ? "  no renaming of codes would keep more"
      : `  after the best renaming of codes (${describeRenaming(comparison)}): ${shares("alignedShare")}`,
  );
  if (levels.before !== levels.after) {
    lines.push(
      `  the IDs had ${counted(levels.before, "code")} and now have ${levels.after}, so that only their first ${Math.min(levels.before, levels.after)} are compared`,
    );
  }
  if (added.length > 0 || removed.length > 0) {
    lines.push(`  ${counted(added.length, "item", "was", "were")} added, ${thousands(removed.length)} removed`);
  }
  for (const { depth, branches } of perDepth) {
    if (!branches) continue;
    const { before, after, kept, renamed, split, merged, scattered } = branches;
    const states = Object.entries({ kept, renamed, split, merged, scattered }).filter(([, n]) => n > 0);
    lines.push(
      "",
      `Branches by ${depth === 1 ? "the first code" : `the first ${depth} codes`}: ${thousands(before)} before, ${thousands(after)} after; ${states.map(([name, n]) => `${thousands(n)} ${name}`).join(", ")}`,
      ...describeBranches(comparison.branches.filter((change) => change.depth === depth)),
    );
  }
  if (moved.length > 0) {
    lines.push(
      "",
      `${counted(moved.length, "item")} of ${thousands(items)} moved${same ? "" : ", beyond the renaming"}, such as`,
    );
    for (const { itemId, before, after } of moved.slice(0, NAMED)) {
      lines.push(`  ${itemId}: ${tokens(before)} is now ${tokens(after)}`);
    }
  }
  return lines.join("\n");
}

function describeWhole({ items, levels, unchanged, unchangedShare }: Omit<IdComparison, "text">): string {
  if (levels.before !== levels.after) return `None of ${counted(items, "item")} has the same whole ID as before.`;
  if (unchanged === items) return `All ${counted(items, "item")} have the same ID as before.`;
  return `${thousands(unchanged)} of ${counted(items, "item")} have the same ID as before (${percent(unchangedShare)}).`;
}

/** "3 codes of level 1, 1 of level 2" */
function describeRenaming({ renaming }: Pick<IdComparison, "renaming">): string {
  const counts = renaming.map((codes) => codes.filter((code, old) => code !== old && code !== -1).length);
  return counts
    .map((count, level) => (count === 0 ? "" : `${counted(count, "code")} of level ${level + 1}`))
    .filter((part) => part !== "")
    .join(", ");
}

function describeBranches(changes: readonly BranchChange[]): string[] {
  return (["renamed", "split", "merged"] as const).flatMap((kind) => {
    const all = changes.filter((change) => change.kind === kind);
    const lines = all.slice(0, NAMED).map(({ from, to }) => {
      const list = (branches: Branch[]) =>
        branches
          .slice(0, NAMED)
          .map(({ prefix, items }) => `${tokens(prefix)} (${counted(items, "item")})`)
          .join(", ") + (branches.length > NAMED ? ", ..." : "");
      if (kind === "renamed") return `  ${tokens(from[0]!.prefix)} is now ${list(to)}`;
      return kind === "split" ? `  ${list(from)} split into ${list(to)}` : `  ${list(from)} merged into ${list(to)}`;
    });
    if (all.length > NAMED) lines.push(`  and ${thousands(all.length - NAMED)} more ${kind}`);
    return lines;
  });
}

const tokens = (codes: readonly number[]) => codes.map((code, level) => `<${levelLetter(level)}_${code}>`).join("");
