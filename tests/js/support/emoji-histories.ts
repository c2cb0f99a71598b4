/** The histories of examples/recommender: the titles of what each user chose, in order. */
import { readFileSync } from "node:fs";

export function historiesOfEmoji(): string[][] {
  const { titles } = JSON.parse(readFileSync("examples/data/emoji/emoji.labels.json", "utf8")) as { titles: string[] };
  const lines = readFileSync("examples/recommender/emoji-histories.txt", "utf8").trim().split("\n");
  return lines.map((line) => {
    const [, ...rows] = line.split(" ").map(Number);
    return rows.map((row) => titles[row - 1]!);
  });
}
