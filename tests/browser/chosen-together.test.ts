/** Items that people chose together, against counting by hand. */
import { readHistories } from "rqvae/formats";
import { expect, it } from "vitest";
import { ChosenTogether } from "../../web/src/lab/chosen-together.ts";

it("counts each person once, within the window, and ranks what everybody chooses lower", async () => {
  const lines = ["u 0 1 0 1", "v 0 1 2", "w 0 2 3 4 4 4 5 6", "x 6 2", "y 2 2 2 2 2 2 2"];
  const text = new TextEncoder().encode(lines.join("\n"));
  const together = new ChosenTogether(await readHistories(text, { rows: 8 }));
  // 0 with 1: u and v, of three choices of 1. 0 with 2: v and w, of ten choices of 2. 6 is farther than the window from 0.
  expect(together.with(0, 10)).toEqual(
    [
      { item: 1, people: 2 },
      { item: 3, people: 1 },
      { item: 2, people: 2 },
      { item: 4, people: 1 },
    ].sort(
      (a, b) =>
        b.people / Math.sqrt(count(lines, b.item)) - a.people / Math.sqrt(count(lines, a.item)) || a.item - b.item,
    ),
  );
  expect(together.with(0, 1)).toEqual([{ item: 1, people: 2 }]);
  expect(together.with(7, 10)).toEqual([]);
});

const count = (lines: string[], item: number) =>
  lines.flatMap((line) => line.split(" ").slice(1)).filter((word) => word === String(item)).length;
