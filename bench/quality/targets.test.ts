import { describe, expect, test } from "vitest";
import { SemanticIds } from "../../bindings/js/ids/semantic-ids.ts";
import { METHOD_NAMES } from "./assess.mjs";
import { baselineOf, rulerChecks, targetsOf } from "./targets.mjs";

const measured = {
  distinct: 0.98,
  distinctAmongDistinct: 0.99,
  usage: [1, 1, 1],
  perplexity: [200, 200, 200],
  entropy: [0.95, 0.94, 0.93],
  nmi: 0.5,
  overlap: [0.6, 0.7],
  evSeen: 0.7,
  evUnseen: 0.6,
  neighbours: [0.5, 0.2],
  chance: [0.01, 0.001],
  neighboursToGreedy: [0, 0],
  seconds: 200, // on a busy machine
  cpuSeconds: 20,
};
type Measured = typeof measured;

/**
 * A comparison in which the default is `better` than a baseline of ours whose own width is the better one, and faiss's residual
 * quantiser between them; one entry a seed.
 */
function comparison(set: string, rows: number, better: Partial<Measured>[], changes: Record<string, unknown> = {}) {
  const list = (each: Partial<Measured>) => better.map(() => ({ ...measured, ...each }));
  return {
    catalogue: {
      name: set,
      title: set,
      items: { data: new Float32Array(0), rows, dim: 64 },
      codes: set.includes("64+256") ? [64, 256] : [256, 256, 256],
      category: { name: "kind", values: [] },
      attributes: [],
      ...changes,
    },
    seenRows: (rows * 4) / 5,
    distinctVectors: rows,
    settings: "",
    notes: [],
    default: better.map((each) => ({ ...measured, evUnseen: 0.62, evSeen: 0.72, ...each })),
    start: list({}),
    recipe: list({}),
    kmeansFull: list({ evUnseen: 0.59 }),
    kmeansBeam: list({ evUnseen: 0.59 }),
    kmeansOurs: list({}),
    faissBeam8: list({ evUnseen: 0.605, neighbours: [0.4, 0.1] }),
    faissBeam32: list({ evUnseen: 0.602 }),
    faissRefined: list({ evUnseen: 0.64 }),
    faissLocalSearch: list({ evUnseen: 0.63, distinctAmongDistinct: 0.9 }),
    faissProduct: list({ evUnseen: 0.4 }),
    hash: list({ distinctAmongDistinct: 1 }),
  };
}

const EV = "explained variance of unseen items";
const GAIN = `${EV}, gain over the best residual k-means`;
const FAISS = `${EV}, least gain over faiss's residual quantiser`;
const OTHERS = `${EV}, least gain over faiss's other quantisers`;
const START = `${EV}, least gain over its own start`;
const SEEN = "explained variance of seen items, gain over the baseline";
const COLLISION = "collision among distinct vectors, above the lowest of the others";
const FIRST = "neighbours that share the first code, above greedy k-means";
const FIRST_TWO = "neighbours that share the first two codes, above greedy k-means";
const SECONDS = "training on one thread (CPU time), for all items";

function named(figures: ReturnType<typeof targetsOf>, name: string) {
  const found = figures.filter((figure) => figure.name.replace(/^[^:]+: /, "") === name);
  expect(found, name).toHaveLength(1);
  return found[0]!;
}

test("a default that is better in everything holds all targets", () => {
  for (const [set, rows] of [
    ["s3rec", 12_101],
    ["emoji", 1914],
    ["fiori", 778],
    ["synthetic", 50_000],
  ] as const) {
    const figures = targetsOf(comparison(set, rows, [{}]));
    expect(figures.filter(({ holds }) => holds === false)).toEqual([]);
    for (const figure of figures) expect(Object.keys(figure)).toEqual(["name", "value", "unit", "target", "holds"]);
  }
});

/** Set, rows, the target's name, what the default measures, the value, whether the target holds. */
const cases: [string, number, string, Partial<Measured>, number, boolean][] = [
  ["s3rec", 12101, GAIN, { evUnseen: 0.612 }, 0.012, true],
  ["s3rec", 12101, GAIN, { evUnseen: 0.611 }, 0.011, false],
  ["fiori", 778, GAIN, { evUnseen: 0.611 }, 0.011, false],
  ["emoji 64+256", 1914, GAIN, { evUnseen: 0.611 }, 0.011, false],
  ["glove", 20000, FAISS, { evUnseen: 0.605 }, 0, true],
  ["glove", 20000, FAISS, { evUnseen: 0.604 }, -0.001, false],
  ["glove", 20000, FIRST, { neighbours: [0.49, 0.2] }, -0.01, true],
  ["glove", 20000, FIRST, { neighbours: [0.489, 0.2] }, -0.011, false],
  ["glove", 20000, FIRST_TWO, { neighbours: [0.5, 0.189] }, -0.011, false],
  ["fiori", 778, START, { evUnseen: 0.599 }, -0.001, false],
  ["synthetic", 40000, SEEN, { evSeen: 0.7 }, 0, true],
  ["synthetic", 40000, SEEN, { evSeen: 0.69 }, -0.01, false],
  ["movies", 2112, COLLISION, { distinctAmongDistinct: 0.99 }, 0, true],
  ["movies", 2112, COLLISION, { distinctAmongDistinct: 0.989 }, 0.001, false],
  ["s3rec", 12101, "collision among distinct vectors", { distinctAmongDistinct: 0.988 }, 0.012, true],
  ["iclrec", 12101, "collision among distinct vectors", { distinctAmongDistinct: 0.987 }, 0.013, false],
  ["mdi", 7447, "usage, worst level", { usage: [1, 0.99, 1] }, 0.99, true],
  ["mdi", 7447, "usage, worst level", { usage: [1, 0.98, 1] }, 0.98, false],
  ["fiori", 778, "no collapse: usage, worst level", { usage: [1, 1, 0.89] }, 0.89, false],
  ["movies", 2112, "entropy, above the baseline, worst level", { entropy: [0.945, 0.95, 0.95] }, -0.005, true],
  ["movies", 2112, "entropy, above the baseline, worst level", { entropy: [0.99, 0.934, 0.95] }, -0.006, false],
  ["synthetic", 40000, "entropy, worst level", { entropy: [0.99, 0.9, 0.95] }, 0.9, true],
  ["synthetic", 40000, "entropy, worst level", { entropy: [0.99, 0.95, 0.89] }, 0.89, false],
  ["movies", 2112, "NMI of the first code, above residual k-means", { nmi: 0.49 }, -0.01, true],
  ["movies", 2112, "NMI of the first code, above residual k-means", { nmi: 0.489 }, -0.011, false],
  ["s3rec", 12101, "attribute overlap at one code, above residual k-means", { overlap: [0.589, 0.7] }, -0.011, false],
  ["s3rec", 12101, "attribute overlap at two codes, above residual k-means", { overlap: [0.6, 0.69] }, -0.01, true],
  ["s3rec", 12101, "attribute overlap at two codes, above residual k-means", { overlap: [0.6, 0.689] }, -0.011, false],
  ["s3rec", 12000, SECONDS, { cpuSeconds: 24 }, 30, true], // 9,600 items seen
  ["iclrec", 12000, SECONDS, { cpuSeconds: 24.8 }, 31, false],
];
test.each(cases)("%s, %d items: %s, %j", (set, rows, name, changes, value, holds) => {
  const figure = named(targetsOf(comparison(set, rows, [changes])), name);
  expect(figure.value).toBeCloseTo(value, 12);
  expect(figure.holds).toBe(holds);
});

test("some are only reported, where they make no sense as targets", () => {
  const reported = { target: null, holds: null };
  const few = targetsOf(comparison("wordnet", 20_000, [{ evSeen: 0.5 }]));
  expect(named(few, SEEN)).toMatchObject({ ...reported, value: expect.closeTo(-0.2, 12) });
  expect(named(few, OTHERS)).toMatchObject({ ...reported, value: expect.closeTo(-0.02, 12) });
  expect(named(few, SECONDS)).toMatchObject({ ...reported, unit: "s" });
  const fewACode = targetsOf(comparison("movies", 2112, [{ usage: [1, 0.9, 1] }]));
  expect(named(fewACode, "usage, worst level")).toMatchObject({ ...reported, value: 0.9 });
});

test("where there is nothing to learn, a little less than k-means will do", () => {
  const at = (evUnseen: number) => targetsOf(comparison("flat", 12_000, [{ evUnseen }], { nothingToLearn: true }));
  expect(named(at(0.598), GAIN)).toMatchObject({ target: ">= -0.002", holds: true });
  expect(named(at(0.597), GAIN).holds).toBe(false);
  expect([named(at(0.598), START).holds, named(at(0.597), START).holds]).toEqual([true, false]);
  expect(named(at(0.598), FAISS)).toMatchObject({ target: null, value: expect.closeTo(-0.007, 12) });
});

test("what belongs to a set's own codes is not asked of others", () => {
  const figures = targetsOf(comparison("s3rec 64+256", 12_101, [{ distinctAmongDistinct: 0.99, cpuSeconds: 200 }]));
  expect(figures.filter(({ holds }) => holds === false)).toEqual([]);
  expect(figures.every(({ name }) => name.startsWith("s3rec 64+256: "))).toBe(true);
});

test("a target without the method that it refers to is left out", () => {
  const full = comparison("s3rec", 12_101, [{}]);
  const absent = METHOD_NAMES.filter((method) => /faiss/.test(method)).map((method) => [method, []]);
  const figures = targetsOf({ ...full, ...Object.fromEntries(absent) });
  expect(figures.filter(({ name }) => /faiss/.test(name))).toEqual([]);
  expect(named(figures, GAIN).value).toBeCloseTo(0.02, 12);
  const alone = METHOD_NAMES.filter((method) => method !== "default").map((method) => [method, []]);
  const names = targetsOf({ ...full, ...Object.fromEntries(alone) }).map(({ name }) => name.replace("s3rec: ", ""));
  expect(names).toEqual([
    "collision among distinct vectors",
    "collision among distinct vectors, to stretch to 0.006",
    "usage, worst level",
    SECONDS,
  ]);
});

describe("seeds", () => {
  test("the baseline is the best residual quantiser of each seed", () => {
    const all = comparison("emoji", 1914, [{}, {}, {}]);
    all.kmeansBeam[1]!.evUnseen = 0.61;
    all.kmeansFull[2]!.evUnseen = 0.615;
    expect(baselineOf(all)).toEqual([all.faissBeam8[0], all.kmeansBeam[1], all.kmeansFull[2]]);
    expect(baselineOf({ ...all, faissBeam8: [] }).map((each) => each.evUnseen)).toEqual([0.602, 0.61, 0.615]);
  });

  test("collisions are compared with the lowest of each seed, the hash's apart", () => {
    const both = comparison("emoji", 1914, [{}, {}]);
    both.recipe[0]!.distinctAmongDistinct = 0.995;
    both.faissProduct[1]!.distinctAmongDistinct = 0.999;
    expect(named(targetsOf(both), COLLISION).value).toBeCloseTo((0.005 + 0.009) / 2, 12);
  });

  test("the median of the gains counts, but none may end below its own start or faiss", () => {
    const figures = targetsOf(comparison("emoji", 1914, [{ evUnseen: 0.7 }, { evUnseen: 0.59 }, { evUnseen: 0.63 }]));
    expect(named(figures, GAIN).value).toBeCloseTo(0.03, 12);
    expect(named(figures, START)).toMatchObject({ holds: false, value: expect.closeTo(-0.01, 12) });
    expect(named(figures, FAISS)).toMatchObject({ holds: false, value: expect.closeTo(-0.015, 12) });
  });
});

test("a figure that could not be measured does not hold", () => {
  const figures = targetsOf(comparison("emoji", 1914, [{ evUnseen: Number.NaN }]));
  expect(named(figures, GAIN).holds).toBe(false);
});

test("the ruler's checks", () => {
  const ids = SemanticIds.from([[0]], { codebookSizes: [256] }); // measured already
  const published = { name: "P", ids, collision: 0.02, tolerance: 5e-6, firstCodes: 128, overlap: [0.6, 0.9] };
  const figures = rulerChecks(published, { ...measured, usage: [0.5, 1, 1] });
  expect(figures.map(({ holds }) => holds)).toEqual([true, true, true, false]);
  expect(
    rulerChecks({ ...published, collision: 0.02001, firstCodes: 127 }, measured).map(({ holds }) => holds),
  ).toEqual([false, false, true, false]);
});
