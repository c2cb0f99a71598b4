// ml-kmeans with the residual scheme: k-means on the rows, then on what the centres leave over, level by level.
import { importPackage } from "./packages.mjs";
import { readRows, serve } from "./serve.mjs";

const { kmeans } = await importPackage("ml-kmeans");
/** @type {number[][]} */
let rows;

serve({
  load({ items }) {
    const { data, dim } = readRows(items);
    rows = Array.from({ length: data.length / dim }, (_, i) => Array.from(data.subarray(i * dim, (i + 1) * dim)));
  },
  residualKMeans({ levels, codes, seed, iterations }) {
    const started = performance.now();
    let residual = rows;
    for (let level = 0; level < levels; level++) {
      const { clusters, centroids } = kmeans(residual, codes, {
        initialization: "random", // its k-means++ takes half a minute a level
        maxIterations: iterations,
        seed: seed + level,
      });
      residual = residual.map((row, i) => row.map((x, j) => x - centroids[clusters[i]][j]));
    }
    const seconds = (performance.now() - started) / 1000;
    return { seconds, inertia: residual.flat().reduce((sum, x) => sum + x * x, 0) };
  },
});
