// Histories in, figures out: what any comparison of recommenders needs, whatever it recommends by.
import { readFileSync } from "node:fs";

/**
 * Uniform numbers in [0, 1), the same for a seed everywhere.
 * @param {number} seed
 * @returns {() => number}
 */
export function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** A shuffled copy (Fisher and Yates). @template T @param {readonly T[]} list @param {number} seed */
export function shuffle(list, seed) {
  const next = random(seed);
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [copy[i], copy[j]] = [/** @type {T} */ (copy[j]), /** @type {T} */ (copy[i])];
  }
  return copy;
}

/**
 * Histories from a text with a line per user: the user, then the items in time order, numbered from 1. Such numbers often run in order of
 * first appearance, and so betray the time: items are called by shuffled names instead.
 * @param {string | URL} file
 * @param {number} n number of items
 */
export function readHistories(file, n) {
  const names = shuffle([...Array(n).keys()], 1).map((i) => `item-${i}`);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  const histories = lines.map((line) =>
    line
      .split(" ")
      .slice(1)
      .map((number) => names[Number(number) - 1]),
  );
  return { names, histories };
}

/**
 * What a recommender without IDs can know: what followed the very same items, the latest first in `recency`, and what is popular. With
 * `bigramShare` 0 popularity alone. Exact: no item that it leaves out could be among the k.
 * @param {readonly string[][]} histories
 * @param {readonly number[]} recency
 * @param {number} bigramShare
 */
export function itemBigrams(histories, recency, bigramShare) {
  const popularity = new Map();
  const followers = new Map();
  const count = (counts, item) => counts.set(item, (counts.get(item) ?? 0) + 1);
  for (const history of histories) {
    history.forEach((item, i) => {
      count(popularity, item);
      if (i === 0) return;
      if (!followers.has(history[i - 1])) followers.set(history[i - 1], new Map());
      count(followers.get(history[i - 1]), item);
    });
  }
  const sum = (counts) => [...counts.values()].reduce((total, n) => total + n, 0);
  const [occurrences, totals] = [sum(popularity), new Map([...followers].map(([item, counts]) => [item, sum(counts)]))];
  const mostPopular = [...popularity.keys()].sort().sort((a, b) => popularity.get(b) - popularity.get(a));

  return {
    /** @param {string[]} history @returns {string[]} */
    recommend(history, k = 10) {
      const scores = new Map();
      const add = (item, score) => scores.set(item, (scores.get(item) ?? 0) + score);
      for (const [age, item] of history.slice(-recency.length).reverse().entries()) {
        const share = (bigramShare * recency[age]) / totals.get(item);
        for (const [follower, n] of followers.get(item) ?? []) add(follower, share * n);
      }
      for (const item of new Set([...scores.keys(), ...mostPopular.slice(0, k + history.length)])) {
        add(item, ((1 - bigramShare) * popularity.get(item)) / occurrences);
      }
      for (const item of history) scores.delete(item);
      const ranked = [...scores].sort(([, a], [, b]) => b - a);
      return ranked.slice(0, k).map(([item]) => item);
    },
  };
}

/**
 * The last item of each user is to be found among ten, from those before it.
 * @param {readonly string[][]} histories
 * @param {(history: string[]) => string[]} recommend
 * @returns {{ recall: number[], ndcg: number[] }} one figure a user
 */
export function leaveOneOut(histories, recommend) {
  const ranks = histories.map((history) => recommend(history.slice(0, -1)).indexOf(history.at(-1)));
  return {
    recall: ranks.map((rank) => (rank < 0 ? 0 : 1)),
    ndcg: ranks.map((rank) => (rank < 0 ? 0 : 1 / Math.log2(rank + 2))),
  };
}

/** @param {readonly number[]} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Mean difference over the users, and half the width of its 95% interval (normal approximation).
 * @param {readonly number[]} better
 * @param {readonly number[]} than the same users in the same order
 */
export function pairedGain(better, than) {
  const differences = better.map((value, user) => value - than[user]);
  const gain = mean(differences);
  const variance = differences.reduce((sum, d) => sum + (d - gain) ** 2, 0) / (differences.length - 1);
  return { gain, margin: 1.96 * Math.sqrt(variance / differences.length) };
}

/**
 * Evaluates recommenders on the same users and prints the means, and how much the last one gains over each of the others.
 * @param {readonly string[][]} histories
 * @param {Record<string, { recommend(history: string[]): string[] }>} recommenders
 */
export function compare(histories, recommenders) {
  console.log("\n                Recall@10   NDCG@10");
  const results = {};
  for (const [name, recommender] of Object.entries(recommenders)) {
    const { recall, ndcg } = leaveOneOut(histories, (history) => recommender.recommend(history));
    results[name] = { recall, ndcg };
    console.log(`${name.padEnd(16)}${mean(recall).toFixed(4).padStart(9)}${mean(ndcg).toFixed(4).padStart(10)}`);
  }
  const names = Object.keys(recommenders);
  const last = names.pop();
  console.log(`\nGain of ${last}, with its 95% interval paired over the users`);
  const gains = names.map((over) => {
    const recall = pairedGain(results[last].recall, results[over].recall);
    const ndcg = pairedGain(results[last].ndcg, results[over].ndcg);
    console.log(`over ${over.padEnd(15)}Recall@10 ${write(recall)}   NDCG@10 ${write(ndcg)}`);
    return { over, recall, ndcg };
  });
  return { results, gains };
}

/** Recall@10 and NDCG@10 of each recommender. */
export const meansOf = (results) =>
  Object.fromEntries(
    Object.entries(results).map(([name, { recall, ndcg }]) => [name, { recall: mean(recall), ndcg: mean(ndcg) }]),
  );

const write = ({ gain, margin }) => `${gain < 0 ? "" : "+"}${gain.toFixed(4)} ± ${margin.toFixed(4)}`;
