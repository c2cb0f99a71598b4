// Makes emoji-histories.txt: users who walk from emoji to emoji, mostly to one of the nearest by meaning, now and then to a popular one.
// Integer hashes, sums, products and square roots only: the same text everywhere.
//
//   node examples/recommender/make-histories.mjs [FILE]
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readItems } from "rqvae/formats";

const USERS = 1000;
/** Emoji in a history: from 5 to 9. */
const [SHORTEST, LENGTHS] = [5, 5];
/** How many of the nearest a user may walk to, the nearer the more often. */
const NEIGHBOURS = 15;
/** Share of the steps that lead to a popular emoji instead. */
const JUMPS = 0.2;

const { data, rows, dim } = await readItems(new URL("../data/emoji/emoji-glovesif100.f16.npy", import.meta.url));
const vectors = Array.from({ length: rows }, (_, i) => {
  const vector = Array.from(data.subarray(i * dim, (i + 1) * dim), halfToNumber);
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((x) => x / length);
});
const popular = shuffle([...vectors.keys()], 3);
const next = random(4);
const nearest = new Map();

const lines = Array.from({ length: USERS }, (_, user) => {
  const history = [Math.floor(next() * rows)];
  const length = SHORTEST + Math.floor(next() * LENGTHS);
  while (history.length < length) {
    const u = next();
    const emoji =
      next() < JUMPS
        ? popular[Math.floor(u * u * u * rows)]
        : neighbours(history.at(-1))[Math.floor(u * u * NEIGHBOURS)];
    if (!history.includes(emoji)) history.push(emoji);
  }
  return [user, ...history].map((number) => number + 1).join(" ");
});
writeFileSync(
  process.argv[2] ?? fileURLToPath(new URL("emoji-histories.txt", import.meta.url)),
  `${lines.join("\n")}\n`,
);

/** Nearest first, by cosine. */
function neighbours(emoji) {
  if (!nearest.has(emoji)) {
    const cosines = vectors.map((vector) => dot(vector, vectors[emoji]));
    const others = [...vectors.keys()].filter((other) => other !== emoji);
    nearest.set(emoji, others.sort((a, b) => cosines[b] - cosines[a]).slice(0, NEIGHBOURS));
  }
  return nearest.get(emoji);
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The exponent of a half float is that of a float, less 112. */
function halfToNumber(half) {
  const [magnitude] = new Float32Array(Uint32Array.of((half & 0x7fff) << 13).buffer);
  return (half & 0x8000 ? -1 : 1) * magnitude * 2 ** 112;
}

/** Uniform numbers in [0, 1), the same for a seed everywhere. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** A shuffled copy (Fisher and Yates). */
function shuffle(list, seed) {
  const next = random(seed);
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
