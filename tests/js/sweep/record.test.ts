import { describe, expect, it } from "vitest";
import { lineOf, type RunRecord, readResults } from "../../../bindings/js/sweep/record.ts";

const record: Omit<RunRecord, "sweep"> = {
  method: "rqvae",
  setting: { codebookSize: [8, 4], hiddenDims: [] },
  seed: 3,
  heldOutExplainedVariance: 0.5,
  seenExplainedVariance: 0.6,
  distinctIds: 30,
  collisions: 2,
  perplexity: [7, 3.5],
  seconds: 0.25,
  data: { rows: 40, dim: 3, fingerprint: "0123456789abcdef" },
  heldOut: { share: 0.2, seed: 0, rows: 8 },
  base: { recipe: "fit", fingerprint: "fedcba9876543210" },
  warnings: ["collisions"],
  config: { codebookSize: [8, 4], encodeBeam: 8 } as never,
  version: "0.1.0",
};
const line = lineOf(record);
const bytes = (text: string) => new TextEncoder().encode(text);
const read = (text: string) => readResults(bytes(text), (number, what) => new Error(`line ${number}: ${what}`));

describe("readResults", () => {
  it("gives back what was written, line by line", () => {
    expect(read("")).toEqual({ records: [], size: 0, isCut: false, lacksEnd: false });
    const two = read(line + lineOf({ ...record, seed: 4 }));
    expect(two.records).toEqual([
      { sweep: 1, ...record },
      { sweep: 1, ...record, seed: 4 },
    ]);
    expect(two).toMatchObject({ size: bytes(line).length * 2, isCut: false });
  });

  it("leaves a last line out wherever it was cut off", () => {
    const whole = line.trimEnd();
    for (let length = 1; length < whole.length; length++) {
      const found = read(line + whole.slice(0, length));
      expect(found.records, `cut at ${length}`).toHaveLength(1);
      expect(found).toMatchObject({ size: bytes(line).length, isCut: true, lacksEnd: false });
    }
    expect(read(whole)).toMatchObject({ records: [{ seed: 3 }], isCut: false, lacksEnd: true });
    expect(read(`${line}\0\0\0\0`)).toMatchObject({ records: [{ seed: 3 }], size: bytes(line).length, isCut: true });
  });

  it("skips blank lines, and counts them", () => {
    for (const blank of ["\n", "  \n\r\n", "\n "]) {
      expect(read(line + blank)).toMatchObject({ records: [{ seed: 3 }], isCut: false, lacksEnd: false });
    }
    const lines: number[] = [];
    const text = `\n${line}\n\n${lineOf({ ...record, seed: 4 })}\n${line.trimEnd()}`;
    const { records } = readResults(
      bytes(text),
      (_, what) => new Error(what),
      (number) => lines.push(number),
    );
    expect(records.map(({ seed }) => seed)).toEqual([3, 4, 3]);
    expect(lines).toEqual([2, 5, 7]);
    expect(() => read(`\n${line}\nx\n`)).toThrow("line 4: it is not JSON");
  });

  it("refuses lines that are none of a sweep's, and says which and why", () => {
    expect(() => read("hello\n")).toThrow("line 1: it is not JSON");
    expect(() => read("hello")).toThrow("line 1: it is not JSON"); // never taken for a line of ours that was cut off
    expect(() => read(`${line}{"a":1}\n`)).toThrow('line 2: it has no "sweep"');
    expect(() => read(`${line}${line.slice(0, 90)}\n${line}`)).toThrow("line 2: it is not JSON");
    expect(() => read(line.replace('"sweep":1', '"sweep":2'))).toThrow(
      'line 1: its "sweep" is 2, but this release reads 1',
    );
    expect(() => read(line.replace('"seed":3', '"seed":-3'))).toThrow("line 1: seed must be a whole number");
    expect(() => read(line.replace('"perplexity":[7', '"perplexity":["7"'))).toThrow("perplexity[0] must be a finite");
    expect(() => read(line.replace("0123456789abcdef", "zzz"))).toThrow("data.fingerprint");
  });
});
