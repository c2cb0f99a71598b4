import { RQVAE } from "rqvae";
import { expect, it } from "vitest";
import { withImpatientClock } from "../support/impatient-clock.ts";

const BATCHES = [16, 16, 16, 10];
const n = BATCHES.reduce((sum, size) => sum + size, 0);
const rows = Array.from({ length: n }, (_, i) => [i % 5, i % 7, (i * i) % 11, i % 3]);

it("epochLosses are the means over the items of the epoch so far, and end as the epoch's own", async () => {
  const model = await RQVAE.create({ inputDim: 4, codebookSize: 4, seed: 2 });
  const seen = new Map<number, { loss: number; mean: number }>();
  const history = await withImpatientClock(() =>
    model.train(rows, {
      epochs: 3,
      batchSize: 16,
      onProgress: ({ losses, epochLosses, step }) => {
        if (losses && epochLosses && !seen.has(step)) seen.set(step, { loss: losses.loss, mean: epochLosses.loss });
      },
    }),
  );
  expect(seen.size).toBeGreaterThan(8);
  let within = 0;
  for (const [step, { mean }] of seen) {
    const place = step % BATCHES.length;
    const batches = Array.from({ length: place }, (_, k) => seen.get(step - place + 1 + k)?.loss);
    if (place === 0) {
      expect(mean).toBeCloseTo(history.epochs[step / BATCHES.length - 1]!.loss, 9);
    } else if (batches.every((loss) => loss !== undefined)) {
      const items = BATCHES.slice(0, place);
      const sum = items.reduce((total, size, k) => total + size * batches[k]!, 0);
      expect(mean).toBeCloseTo(sum / items.reduce((total, size) => total + size, 0), 6);
      if (place > 1) within++;
    }
  }
  expect(within).toBeGreaterThan(2);
  model.dispose();
});
