/** A finished run as one line of a results file: everything that made it, and what came of it. */

import { fields, finite, hex16, is, list, oneOf, optional, readJson, text, whole } from "../base/json-shape.ts";
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
const BEGINNING = `{"sweep":${VERSION},`;

export const lineOf = (record: Omit<RunRecord, "sweep">): string =>
  `${JSON.stringify({ sweep: VERSION, ...record })}\n`;

const figure = optional(finite);
const count = optional(whole());
const object = is("an object", (value) => typeof value === "object" && value !== null && !Array.isArray(value));
const shape = fields({
  sweep: oneOf([VERSION]),
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
 * Reads a results file. A last line that was cut off, by a kill or a power cut, is left out.
 * @param complain Makes the error of a line that is none of a sweep's.
 */
export function readResults(bytes: Uint8Array, complain: (line: number, what: string) => Error): Results {
  const end = bytes.lastIndexOf(10) + 1;
  const decoder = new TextDecoder();
  const lines = decoder.decode(bytes.subarray(0, end)).split("\n").slice(0, -1);
  const parse = (line: string, number: number) => readJson<RunRecord>(line, shape, (what) => complain(number, what));
  const records = lines.map((line, i) => parse(line, i + 1));
  const rest = decoder.decode(bytes.subarray(end));
  if (rest === "") return { records, size: end, isCut: false, lacksEnd: false };
  try {
    return { records: [...records, parse(rest, lines.length + 1)], size: bytes.length, isCut: false, lacksEnd: true };
  } catch (error) {
    // After a power cut there may be zeros instead of a line.
    const isOurs = rest.startsWith(BEGINNING) || BEGINNING.startsWith(rest) || /^\0+$/.test(rest);
    if (!isOurs) throw error;
    return { records, size: end, isCut: true, lacksEnd: false };
  }
}
