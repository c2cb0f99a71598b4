/** A finished run as one line of a results file: everything that made it, and what came of it. */

import {
  fields,
  finite,
  hex16,
  is,
  list,
  oneOf,
  optional,
  readJson,
  type Shape,
  text,
  whole,
} from "../base/json-shape.ts";
import { show } from "../base/option-reader.ts";
import type { ModelConfig, TrainConfig } from "../types.ts";
import type { Base } from "./base.ts";
import type { Data, Figures, HeldOut } from "./catalogue.ts";
import type { Run } from "./settings.ts";

/** Raised whenever lines of before are no longer understood. */
const VERSION = 1;

/** What the runs of one results file have in common. */
export interface Context {
  data: Data;
  heldOut: HeldOut;
  base: Base;
}

export interface RunRecord extends Run, Context, Partial<Figures> {
  /** Version of these lines; the first thing in each. */
  sweep: typeof VERSION;
  /** Why there are no figures: the training diverged. */
  failed?: string;
  /** Of the model. */
  fingerprint?: string;
  /** The epoch whose weights were kept, from 0; -1 is the start. */
  selectedEpoch?: number;
  /** Kinds of the warnings of its training. */
  warnings: string[];
  /** Of fitting the model, by the clock. */
  seconds: number;
  /** The model's file, where it was kept. */
  model?: string;
  config: ModelConfig;
  train?: TrainConfig;
  /** Of the package. */
  version: string;
}

/** How each line begins; a line that was cut off is known by it. */
export const BEGINNING = `{"sweep":${VERSION},`;

export const lineOf = (record: Omit<RunRecord, "sweep">): string =>
  `${JSON.stringify({ sweep: VERSION, ...record })}\n`;

const figure = optional(finite);
const count = optional(whole());
const object = is("an object", (value) => typeof value === "object" && value !== null && !Array.isArray(value));
/** Most files that are none of a sweep's fail here. */
const ownVersion: Shape = (value, complain) => {
  if (value === VERSION) return;
  throw complain(
    value === undefined ? 'it has no "sweep"' : `its "sweep" is ${show(value)}, but this release reads ${VERSION}`,
  );
};
const shape = fields({
  sweep: ownVersion,
  method: oneOf(["rqvae", "residualKMeans"]),
  setting: object,
  seed: whole(),
  data: fields({ rows: whole(1), dim: whole(1), fingerprint: hex16 }),
  heldOut: fields({ share: finite, seed: whole(), rows: whole(1) }),
  base: fields({ recipe: text, fingerprint: hex16 }),
  failed: optional(text),
  heldOutExplainedVariance: figure,
  seenExplainedVariance: figure,
  distinctIds: count,
  collisions: count,
  perplexity: optional(list(finite)),
  firstCodeNeighbours: figure,
  seconds: finite,
  config: fields({ codebookSize: list(whole(1)), encodeBeam: whole(1) }),
  version: text,
});

/** What a results file holds. */
export interface Results {
  records: RunRecord[];
  /** Bytes of the whole lines. */
  size: number;
  /** Whether there is more behind them: a line that was cut off while it was written. */
  isCut: boolean;
  /** Whether the last line is whole but for its end. */
  lacksEnd: boolean;
}

/**
 * Reads a results file. A last line that was cut off, by a kill or a power cut, is left out, and so are blank lines.
 * @param complain Makes the error of a line that is none of a sweep's.
 * @param check Is called with each run and the number of its line.
 */
export function readResults(
  bytes: Uint8Array,
  complain: (line: number, what: string) => Error,
  check: (line: number, record: RunRecord) => void = () => {},
): Results {
  const end = bytes.lastIndexOf(10) + 1;
  const decoder = new TextDecoder();
  const lines = decoder.decode(bytes.subarray(0, end)).split("\n").slice(0, -1);
  const parse = (line: string, number: number) => readJson<RunRecord>(line, shape, (what) => complain(number, what));
  const records: RunRecord[] = [];
  const add = (record: RunRecord, number: number) => {
    check(number, record);
    records.push(record);
  };
  for (const [i, line] of lines.entries()) if (line.trim() !== "") add(parse(line, i + 1), i + 1);
  const rest = decoder.decode(bytes.subarray(end));
  if (rest.trim() === "") return { records, size: end, isCut: false, lacksEnd: false };
  let last: RunRecord;
  try {
    last = parse(rest, lines.length + 1);
  } catch (error) {
    // After a power cut there may be zeros instead of a line.
    const isOurs = rest.startsWith(BEGINNING) || BEGINNING.startsWith(rest) || /^\0+$/.test(rest);
    if (!isOurs) throw error;
    return { records, size: end, isCut: true, lacksEnd: false };
  }
  add(last, lines.length + 1);
  return { records, size: bytes.length, isCut: false, lacksEnd: true };
}
