import { expect, test } from "vitest";
import { VectorClasses } from "../../../bindings/js/items/vector-classes.ts";
import { generator } from "../support/catalogue.ts";

test("equal rows have the number of the first of them, however they are handed over", () => {
  const [rows, dim] = [5000, 5];
  const next = generator(3);
  const kinds = Array.from({ length: 700 }, () => Float32Array.from({ length: dim }, next));
  const chosen = Array.from({ length: rows }, () => Math.floor(((next() + 1) / 2) * 700));
  const data = new Float32Array(rows * dim);
  chosen.forEach((kind, i) => {
    data.set(kinds[kind]!, i * dim);
  });
  const expected = chosen.map((kind) => chosen.indexOf(kind));
  for (const piece of [1, 37, rows]) {
    const classes = new VectorClasses(rows);
    for (let i = 0; i < rows; i += piece) classes.add(data.subarray(i * dim, Math.min(rows, i + piece) * dim), dim);
    expect(classes.rows).toBe(rows);
    expect([...classes.firstRows]).toEqual(expected);
    expect(classes.distinct).toBe(new Set(chosen).size);
  }
});

test("the sign of zero is no difference; any other bit, in any column, is one", () => {
  for (const dim of [1, 2, 3, 4, 5, 6, 7, 8, 768]) {
    const base = Float32Array.from({ length: dim }, (_, j) => j);
    const rows = [base];
    for (let j = 0; j < dim; j++) {
      for (const bit of [0, 1, 16, 22, 23, 30, 31]) {
        const other = base.slice();
        new Uint32Array(other.buffer)[j]! ^= 1 << bit;
        if (other[j] !== base[j]) rows.push(other);
      }
    }
    const signed = base.slice();
    signed[0] = -0;
    rows.push(signed);
    const classes = new VectorClasses(rows.length);
    for (const row of rows) classes.add(row, dim);
    expect(classes.distinct).toBe(rows.length - 1);
    expect(classes.firstRows.at(-1)).toBe(0);
  }
});

test("two columns that changed places are another row", () => {
  const classes = new VectorClasses(24);
  const permuted = (values: number[]): number[][] =>
    values.length < 2
      ? [values]
      : values.flatMap((value, i) => permuted(values.filter((_, k) => k !== i)).map((rest) => [value, ...rest]));
  for (const row of permuted([1, 2, 3, 4])) classes.add(Float32Array.from(row), 4);
  expect(classes.distinct).toBe(24);
});

test("half a million rows that differ by a little are told apart", () => {
  const rows = 500_000;
  const classes = new VectorClasses(rows);
  classes.add(
    Float32Array.from({ length: 2 * rows }, (_, k) => (k % 2 === 0 ? k >> 11 : (k >> 1) % 1024)),
    2,
  );
  expect(classes.distinct).toBe(rows);
});
