import { describe, expect, test } from "vitest";
import { SemanticIds } from "../../bindings/js/ids/semantic-ids.ts";
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
  seconds: 200, // on a busy machine
  cpuSeconds: 20,
};
type Measured = typeof measured;

/** A comparison in which the default is `better` than a baseline whose own width is the better one; one entry a seed. */
function comparison(set: string, rows: number, better: Partial<Measured>[], baseline: Partial<Measured> = {}) {
  const list = (changes: Partial<Measured>) => better.map(() => ({ ...measured, ...changes }));
  return {
    catalogue: {
      name: set,
      title: set,
      items: { data: new Float32Array(0), rows, dim: 64 },
      levels: 3,
      codes: 256,
      category: { name: "kind", values: [] },
      attributes: [],
    },
    seenRows: (rows * 4) / 5,
    distinctVectors: rows,
    settings: "",
    default: better.map((changes) => ({ ...measured, evUnseen: 0.62, evSeen: 0.72, ...changes })),
    start: list({}),
    recipe: list({}),
    kmeansFull: list({ evUnseen: 0.59 }),
    kmeansBeam: list({ evUnseen: 0.59 }),
    kmeansOurs: list(baseline),
    hash: list({}),
  };
}

const GAIN = "explained variance of unseen items, gain over the baseline";
const START = "explained variance of unseen items, least gain over its own start";
const GREEDY = "explained variance of unseen items, gain over greedy k-means";
const SEEN = "explained variance of seen items, gain over the baseline";

function named(figures: ReturnType<typeof targetsOf>, name: string) {
  const found = figures.filter((figure) => figure.name.replace(/^\w+: /, "") === name);
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
  ["s3rec", 12101, GAIN, { evUnseen: 0.615 }, 0.015, true],
  ["s3rec", 12101, GAIN, { evUnseen: 0.614 }, 0.014, false],
  ["iclrec", 12101, GAIN, { evUnseen: 0.614 }, 0.014, false],
  ["emoji", 1914, GAIN, { evUnseen: 0.614 }, 0.014, false],
  ["mdi", 7447, GAIN, { evUnseen: 0.614 }, 0.014, false],
  ["industrial", 3686, GAIN, { evUnseen: 0.614 }, 0.014, false],
  ["fiori", 778, GAIN, { evUnseen: 0.6 }, 0, true],
  ["fiori", 778, GAIN, { evUnseen: 0.599 }, -0.001, false],
  ["movies", 2112, GAIN, { evUnseen: 0.599 }, -0.001, false],
  ["wordnet", 20000, GAIN, { evUnseen: 0.599 }, -0.001, false],
  ["fiori", 778, START, { evUnseen: 0.599 }, -0.001, false],
  ["wordnet", 20000, GREEDY, { evUnseen: 0.61 }, 0.02, true],
  ["wordnet", 20000, GREEDY, { evUnseen: 0.609 }, 0.019, false],
  ["synthetic", 40000, SEEN, { evSeen: 0.7 }, 0, true],
  ["synthetic", 40000, SEEN, { evSeen: 0.69 }, -0.01, false],
  [
    "movies",
    2112,
    "collision among distinct vectors, above the baseline",
    { distinctAmongDistinct: 0.989 },
    0.001,
    false,
  ],
  ["s3rec", 12101, "collision among distinct vectors", { distinctAmongDistinct: 0.988 }, 0.012, true],
  ["iclrec", 12101, "collision among distinct vectors", { distinctAmongDistinct: 0.987 }, 0.013, false],
  ["movies", 2112, "usage, worst level", { usage: [1, 0.99, 1] }, 0.99, true],
  ["movies", 2112, "usage, worst level", { usage: [1, 0.98, 1] }, 0.98, false],
  ["fiori", 778, "no collapse: usage, worst level", { usage: [1, 1, 0.89] }, 0.89, false],
  ["movies", 2112, "entropy, above the baseline, worst level", { entropy: [0.945, 0.95, 0.95] }, -0.005, true],
  ["movies", 2112, "entropy, above the baseline, worst level", { entropy: [0.99, 0.934, 0.95] }, -0.006, false],
  ["synthetic", 40000, "entropy, worst level", { entropy: [0.99, 0.9, 0.95] }, 0.9, true],
  ["synthetic", 40000, "entropy, worst level", { entropy: [0.99, 0.95, 0.89] }, 0.89, false],
  ["movies", 2112, "NMI of the first code, above the baseline", { nmi: 0.49 }, -0.01, true],
  ["movies", 2112, "NMI of the first code, above the baseline", { nmi: 0.489 }, -0.011, false],
  ["s3rec", 12101, "attribute overlap at one code, above the baseline", { overlap: [0.589, 0.7] }, -0.011, false],
  ["s3rec", 12101, "attribute overlap at two codes, above the baseline", { overlap: [0.6, 0.69] }, -0.01, true],
  ["s3rec", 12101, "attribute overlap at two codes, above the baseline", { overlap: [0.6, 0.689] }, -0.011, false],
  ["s3rec", 12000, "training on one thread (CPU time), for all items", { cpuSeconds: 24 }, 30, true], // 9,600 items seen
  ["iclrec", 12000, "training on one thread (CPU time), for all items", { cpuSeconds: 24.8 }, 31, false],
];
test.each(cases)("%s, %d items: %s, %j", (set, rows, name, changes, value, holds) => {
  const figure = named(targetsOf(comparison(set, rows, [changes])), name);
  expect(figure.value).toBeCloseTo(value, 12);
  expect(figure.holds).toBe(holds);
});

test("seen items are only reported where there are few", () => {
  const figure = named(targetsOf(comparison("wordnet", 20_000, [{ evSeen: 0.5 }])), SEEN);
  expect(figure).toMatchObject({ target: null, holds: null });
  expect(figure.value).toBeCloseTo(-0.2, 12);
});

describe("seeds", () => {
  test("the baseline is the better k-means of each seed", () => {
    const both = comparison("emoji", 1914, [{}, {}]);
    both.kmeansBeam[1]!.evUnseen = 0.61;
    expect(baselineOf(both).map(({ evUnseen }) => evUnseen)).toEqual([0.6, 0.61]);
  });

  test("the median of the gains counts, but none may end below its own start", () => {
    const figures = targetsOf(comparison("emoji", 1914, [{ evUnseen: 0.7 }, { evUnseen: 0.59 }, { evUnseen: 0.63 }]));
    expect(named(figures, GAIN).value).toBeCloseTo(0.03, 12);
    expect(named(figures, START)).toMatchObject({ holds: false });
    expect(named(figures, START).value).toBeCloseTo(-0.01, 12);
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
