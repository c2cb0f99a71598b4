/** Residual k-means: what it finds is what k-means should find, and the IDs are what the definitions say. */
import { type Items, RQVAE, residualKMeans } from "rqvae";
import { readItems } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { catalogue, generator, sameBits, squaredDistance } from "../support/catalogue.ts";

const items = catalogue(400, 6);

/** The residuals before each level, and after the last, by the definition: what the codes before have left over. */
function residualsOf(model: RQVAE, given: typeof items): Float64Array[] {
  const d = model.config.latentDim;
  const codebooks = model.codebooks();
  const residuals = [Float64Array.from(model.latents(given))];
  const ids = [...model.encode(given)];
  for (const [level, codebook] of codebooks.entries()) {
    residuals.push(
      residuals[level]!.map((x, at) => {
        const [i, j] = [Math.floor(at / d), at % d];
        return x - codebook[ids[i]![level]! * d + j]!;
      }),
    );
  }
  return residuals;
}

const energy = (values: ArrayLike<number>) => squaredDistance(values, new Float64Array(values.length));
const distance = (x: ArrayLike<number>, i: number, c: ArrayLike<number>, k: number, d: number) => {
  let sum = 0;
  for (let j = 0; j < d; j++) sum += (x[i * d + j]! - c[k * d + j]!) ** 2;
  return sum;
};

/** Lloyd's algorithm as in a textbook, from k-means++ seeds. Returns the least inertia of a few starts. */
function naiveInertia(points: Float64Array, n: number, d: number, codes: number, starts: number): number[] {
  const next = generator(99);
  const uniform = () => (next() + 1) / 2;
  return Array.from({ length: starts }, () => {
    const centres = new Float64Array(codes * d);
    const nearest = new Float64Array(n).fill(Infinity);
    for (let k = 0; k < codes; k++) {
      let chosen = Math.floor(uniform() * n);
      if (k > 0) {
        let left = uniform() * nearest.reduce((sum, x) => sum + x, 0);
        for (chosen = 0; chosen < n - 1 && left >= nearest[chosen]!; chosen++) left -= nearest[chosen]!;
      }
      centres.set(points.subarray(chosen * d, (chosen + 1) * d), k * d);
      for (let i = 0; i < n; i++) nearest[i] = Math.min(nearest[i]!, distance(points, i, centres, k, d));
    }
    let inertia = Infinity;
    for (let iteration = 0; iteration < 100; iteration++) {
      const sums = new Float64Array(codes * d);
      const counts = new Float64Array(codes);
      let total = 0;
      for (let i = 0; i < n; i++) {
        let best = 0;
        for (let k = 1; k < codes; k++) {
          if (distance(points, i, centres, k, d) < distance(points, i, centres, best, d)) best = k;
        }
        total += distance(points, i, centres, best, d);
        counts[best]!++;
        for (let j = 0; j < d; j++) sums[best * d + j]! += points[i * d + j]!;
      }
      if (total >= inertia) break;
      inertia = total;
      for (let at = 0; at < centres.length; at++) {
        const count = counts[Math.floor(at / d)]!;
        if (count > 0) centres[at] = sums[at]! / count;
      }
    }
    return inertia;
  });
}

describe("the codebooks", () => {
  it("are a fixed point: each code is the mean of its members' residuals", async () => {
    using model = await residualKMeans(items, { nQuantizationLayers: 3, codebookSize: [12, 8, 5], refine: false });
    const residuals = residualsOf(model, items);
    const ids = [...model.encode(items)];
    const scale = Math.sqrt(energy(residuals[0]!) / 400);
    for (const [level, codebook] of model.codebooks().entries()) {
      const sums = new Float64Array(codebook.length);
      const counts = new Float64Array(codebook.length / 6);
      ids.forEach((id, i) => {
        counts[id[level]!]!++;
        for (let j = 0; j < 6; j++) sums[id[level]! * 6 + j]! += residuals[level]![6 * i + j]!;
      });
      expect(Math.min(...counts)).toBeGreaterThan(0);
      codebook.forEach((x, at) => {
        expect(Math.abs(x - sums[at]! / counts[Math.floor(at / 6)]!)).toBeLessThan(1e-4 * scale);
      });
    }
  });

  it("are as good at each level as a textbook's k-means of the same residuals", async () => {
    using model = await residualKMeans(items, { nQuantizationLayers: 3, codebookSize: [12, 8, 5], refine: false });
    const residuals = residualsOf(model, items);
    for (const [level, codes] of [12, 8, 5].entries()) {
      const naive = naiveInertia(residuals[level]!, 400, 6, codes, 5);
      const own = energy(residuals[level + 1]!);
      // Local minima differ: not beyond the spread of the textbook's.
      expect(own).toBeLessThan(1.05 * Math.max(...naive));
      expect(own).toBeGreaterThan(0.9 * Math.min(...naive));
    }
  });

  it("find clusters that are plain to see", async () => {
    const next = generator(5);
    const data = Float32Array.from({ length: 300 * 2 }, (_, at) => {
      const cluster = Math.floor(at / 2) % 6;
      return (at % 2 === 0 ? 10 * (cluster % 3) : 10 * Math.floor(cluster / 3)) + next() / 10;
    });
    using model = await residualKMeans({ data, rows: 300, dim: 2 }, { nQuantizationLayers: 1, codebookSize: 6 });
    const ids = [...model.encode(data)].map(([code]) => code);
    expect(new Set(ids.slice(0, 6)).size).toBe(6);
    ids.forEach((code, i) => {
      expect(code).toBe(ids[i % 6]);
    });
  });

  it("of more codes than items leave nothing over", async () => {
    const few = catalogue(5, 6);
    using model = await residualKMeans(few, { nQuantizationLayers: 2, codebookSize: 16 });
    const restored = model.reconstruct(few);
    expect(squaredDistance(restored, few.data)).toBeLessThan(1e-8 * energy(few.data));
    expect(new Set([...model.encode(few)].map(String)).size).toBe(5);
  });
});

describe("refine", () => {
  it("describes emoji that it never saw better, where few share a code and where many do", async () => {
    const { data, dim, rows } = await readItems("examples/data/emoji/emoji-glovesif100.f16.npy");
    const part = (isIn: (row: number) => boolean) => {
      const chosen = Array.from({ length: rows }, (_, row) => row).filter(isIn);
      return { data: Float32Array.from(chosen.flatMap((row) => [...data.subarray(dim * row, dim * (row + 1))])), dim };
    };
    const [seen, unseen] = [part((row) => row % 5 > 0), part((row) => row % 5 === 0)];
    for (const codebookSize of [32, 64]) {
      for (const latentDim of [dim, 40]) {
        const error = async (refine?: boolean) => {
          using model = await residualKMeans(seen.data, {
            inputDim: dim,
            latentDim,
            codebookSize,
            encodeBeam: 8,
            ...(refine === undefined ? {} : { refine }),
          });
          expect(model.config.codebookRefine).toBe(refine ?? true);
          return [seen, unseen].map((some) => squaredDistance(model.reconstruct(some.data), some.data));
        };
        const [plain, refined] = [await error(false), await error(true)];
        if (codebookSize === 32) expect(refined[0], `seen, in ${latentDim}`).toBeLessThan(plain[0]!);
        expect(refined[1], `unseen, ${codebookSize} codes in ${latentDim}`).toBeLessThan(plain[1]!);
        if (codebookSize === 32) expect(await error()).toEqual(refined);
      }
    }
  });

  it("says what it does not go with", async () => {
    for (const other of [{ codebookSimVq: true }, { compat: "hopwise" as const }]) {
      await expect(RQVAE.create({ inputDim: 4, codebookRefine: true, ...other })).rejects.toThrow(
        /codebookRefine sets each code by itself and cannot be combined with (codebookSimVq|compat "hopwise")/,
      );
    }
  });
});

describe("encoding", () => {
  it("greedy takes the nearest code at each level, the lowest of equals", async () => {
    using model = await residualKMeans(items, { codebookSize: [12, 8, 5] });
    const residuals = residualsOf(model, items);
    const codebooks = model.codebooks();
    [...model.encode(items)].forEach((id, i) => {
      for (const [level, codebook] of codebooks.entries()) {
        const distances = Array.from({ length: codebook.length / 6 }, (_, k) =>
          distance(residuals[level]!, i, codebook, k, 6),
        );
        expect(id[level]).toBe(distances.indexOf(Math.min(...distances)));
      }
    });
  });

  it("a beam as wide as all IDs finds the best of all", async () => {
    const sizes = [6, 5, 4];
    using model = await residualKMeans(items, { codebookSize: sizes, encodeBeam: 120 });
    using greedy = await residualKMeans(items, { codebookSize: sizes });
    const codebooks = model.codebooks();
    const latents = model.latents(items);
    let better = 0;
    [...model.encode(items)].forEach((id, i) => {
      let best: { error: number; id: number[] } = { error: Infinity, id: [] };
      const error = (codes: number[]) => {
        let sum = 0;
        for (let j = 0; j < 6; j++) {
          const z = codes.reduce((left, k, level) => left - codebooks[level]![6 * k + j]!, latents[6 * i + j]!);
          sum += z * z;
        }
        return sum;
      };
      for (let a = 0; a < 6; a++) {
        for (let b = 0; b < 5; b++) {
          for (let c = 0; c < 4; c++)
            if (error([a, b, c]) < best.error) best = { error: error([a, b, c]), id: [a, b, c] };
        }
      }
      expect(error(id)).toBeLessThan(best.error * (1 + 1e-4) + 1e-9);
      if (String(id) !== String(greedy.encode(items.data.subarray(6 * i, 6 * i + 6)).at(0))) better++;
    });
    expect(better).toBeGreaterThan(20);
  });

  it("a wider beam is no worse on average, on any set", async () => {
    for (const seed of [1, 2, 3]) {
      const own = catalogue(300, 10, seed);
      let before = Infinity;
      for (const beam of [1, 2, 8, 64]) {
        using model = await residualKMeans(own, { codebookSize: 16, encodeBeam: beam, seed, refine: false });
        expect(model.config.encodeBeam).toBe(beam);
        const error = squaredDistance(model.reconstruct(own), own.data);
        if (beam === 1 || beam === 8) expect(error).toBeLessThan(before);
        expect(error).toBeLessThanOrEqual(before * (1 + 1e-6));
        before = error;
      }
    }
  });
});

describe("latentDim", () => {
  it("is the items' dimension by default: nothing is lost but by the codes", async () => {
    using model = await residualKMeans(items, { codebookSize: 16 });
    expect(model.config).toMatchObject({
      latentDim: 6,
      linearSkip: "identity",
      hiddenDims: [],
      nQuantizationLayers: 3,
    });
    const latents = model.latents(items);
    // Up to shift and scale the latents are the items.
    const ratio = (i: number, k: number) =>
      Math.sqrt(distance(latents, i, latents, k, 6) / distance(items.data, i, items.data, k, 6));
    for (const [i, k] of [
      [0, 1],
      [5, 300],
      [77, 399],
    ] as const) {
      expect(ratio(i, k)).toBeCloseTo(ratio(2, 3), 4);
    }
  });

  it("takes the first principal directions: the error of the projection is what they leave", async () => {
    // Three directions carry nearly everything.
    const next = generator(8);
    const mix = Array.from({ length: 3 * 20 }, next);
    const data = new Float32Array(500 * 20);
    for (let i = 0; i < 500; i++) {
      const weights = [3 * next(), 2 * next(), next()];
      for (let j = 0; j < 20; j++) {
        data[20 * i + j] = weights.reduce((sum, w, c) => sum + w * mix[20 * c + j]!, 0) + next() / 1000;
      }
    }
    const flat = { data, rows: 500, dim: 20 };
    const share = async (latentDim: number) => {
      using model = await residualKMeans(flat, { latentDim, nQuantizationLayers: 4, codebookSize: 256 });
      expect(model.config).toMatchObject({ latentDim, linearSkip: latentDim === 20 ? "identity" : "pca" });
      return squaredDistance(model.reconstruct(flat), data) / energy(data);
    };
    expect(await share(3)).toBeLessThan(1e-4);
    expect(await share(2)).toBeGreaterThan(1e-2);
    expect(await share(20)).toBeLessThan(1e-4);
  });
});

describe("the result", () => {
  it("is a model like any other: file, seed, further training", async () => {
    const options = { codebookSize: 16, encodeBeam: 4, seed: 3 };
    using model = await residualKMeans(items, options);
    using again = await residualKMeans(items, options);
    using other = await residualKMeans(items, { ...options, seed: 4 });
    using loaded = await RQVAE.load(model.save());
    expect(sameBits(again.save(), model.save())).toBe(true);
    expect(other.fingerprint).not.toBe(model.fingerprint);
    expect(loaded.config).toEqual(model.config);
    expect(sameBits(loaded.encode(items).codes, model.encode(items).codes)).toBe(true);
    expect(sameBits(loaded.reconstruct(items), model.reconstruct(items))).toBe(true);
    const before = loaded.forward(items).reconstructionLoss;
    await loaded.train(items, { epochs: 30, batchSize: 50 });
    expect(loaded.forward(items).reconstructionLoss).toBeLessThan(before);
  });

  it("comes from every form of items", async () => {
    const options = { codebookSize: 8, inputDim: 6 };
    using model = await residualKMeans(items, options);
    for (const form of [items.data, Float64Array.from(items.data)] satisfies Items[]) {
      using same = await residualKMeans(form, options);
      expect(same.fingerprint).toBe(model.fingerprint);
    }
    const { inputDim: _, ...rest } = options;
    using rows = await residualKMeans(
      Array.from({ length: 400 }, (_, i) => [...items.data.subarray(6 * i, 6 * i + 6)]),
      rest,
    );
    expect(rows.fingerprint).toBe(model.fingerprint);
  });

  it("tells progress and can be aborted", async () => {
    const progress: number[] = [];
    using model = await residualKMeans(items, {
      codebookSize: 8,
      onProgress: (event) => progress.push(event.progress),
    });
    expect(model.initialized).toBe(true);
    expect(progress.at(-1)).toBe(1);
    const reason = new Error("enough");
    await expect(residualKMeans(items, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("bad input", () => {
  it.each<[unknown, object, RegExp]>([
    [items, { levels: 2 }, /^residualKMeans: unknown option "levels": it is called nQuantizationLayers here$/],
    [items, { latentDim: 7 }, /^residualKMeans: latentDim must be at most the items' dimension 6, received 7$/],
    [items, { latentDim: 0 }, /latentDim must be a whole number from 1/],
    [items, { latentDim: "3" }, /latentDim must be a whole number from 1 .* received "3"/],
    [items, { nQuantizationLayers: 0 }, /nQuantizationLayers must be a whole number from 1 to 64, received 0/],
    [
      items,
      { nQuantizationLayers: 2, codebookSize: [4, 4, 4] },
      /codebookSize has 3 entries but nQuantizationLayers is 2/,
    ],
    [items, { codebookSize: 0 }, /codebookSize must be a whole number from 1/],
    [items, { encodeBeam: 0 }, /encodeBeam must be a whole number from 1 to 256, received 0/],
    [items, { refine: 1 }, /refine must be true or false, received 1/],
    [items, { seed: -1 }, /seed must be/],
    [items, { onProgress: 3 }, /onProgress must be a function/],
    [items, { signal: 3 }, /signal must be an AbortSignal/],
    [items.data, {}, /^residualKMeans: items do not have a dimension/],
    [items.data, { inputDim: 7 }, /whole rows of inputDim 7 values/],
    [items, { inputDim: 7 }, /vectors of dimension 6/],
    [[], {}, /items do not have a dimension|there are no rows/],
    [{ ...items, data: items.data.with(20, Number.NaN) }, {}, /row 3, column 2 is NaN/],
    [null, {}, /residualKMeans: items do not have a dimension/],
    [items, null as never, /expected an object of options, received null/],
  ])("%#: %s", async (given, options, message) => {
    const attempt = residualKMeans(given as Items, options as Parameters<typeof residualKMeans>[1]);
    await expect(attempt).rejects.toThrow(message);
    await expect(
      residualKMeans(given as Items, options as Parameters<typeof residualKMeans>[1]),
    ).rejects.toHaveProperty("name", "InvalidInputError");
  });
});
