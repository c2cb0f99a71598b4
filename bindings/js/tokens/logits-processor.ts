import { invalid } from "../base/errors.ts";
import { checkOptionNames, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { IdVocabulary } from "./code-tokens.ts";
import { type DecodingIndex, LogitsMask } from "./logits-mask.ts";

/** A tensor of transformers.js: batch x tokens. */
export interface LogitsTensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<unknown>;
}

/** A logits processor for transformers.js, which calls it, or in some parts its `_call`. */
export interface LogitsProcessorFunction {
  <Tensor extends LogitsTensor>(inputIds: ArrayLike<ArrayLike<bigint | number>>, logits: Tensor): Tensor;
  /** The same as calling it. */
  _call<Tensor extends LogitsTensor>(inputIds: ArrayLike<ArrayLike<bigint | number>>, logits: Tensor): Tensor;
}

/**
 * A logits processor for transformers.js: `model.generate({ ...inputs, logits_processor: [logitsProcessor(index, vocabulary)] })` writes
 * IDs of the index, then the end of the sequence. Changes the logits in place, like the library's own processors.
 *
 * @param options `promptLength`: tokens before the ID, the same in each row of a batch (for an encoder-decoder the start token: 1).
 * Default: the number at the first call, so that a processor is good for one `generate`.
 * @throws UnknownPrefixError, when called, for a row that is not the prefix of an ID; InvalidInputError for a tensor of another form.
 */
export function logitsProcessor(
  index: DecodingIndex,
  vocabulary: IdVocabulary,
  options: { promptLength?: number } = {},
): LogitsProcessorFunction {
  checkOptionNames(options, "logitsProcessor", ["promptLength"]);
  let { promptLength } = options;
  if (promptLength !== undefined && (!Number.isInteger(promptLength) || promptLength < 0)) {
    throw invalid()`${call("logitsProcessor")}${{ argument: "promptLength" }} must be a whole number from 0, received ${show(promptLength)}`;
  }
  const mask = new LogitsMask(index, vocabulary);
  const process: LogitsProcessorFunction["_call"] = (inputIds, logits) => {
    const { dims, data } = logits;
    const rows = inputIds.length;
    if (Object.prototype.toString.call(data) !== "[object Float32Array]" || dims.length !== 2 || dims[0] !== rows) {
      throw invalid()`${call("logitsProcessor")}expected float32 logits of ${rows} x tokens, one row per sequence, received ${show(data)} of ${show([...dims])}`;
    }
    const first = promptLength ?? inputIds[0]?.length ?? 0;
    const states = Array.from(inputIds, (ids, row) => {
      if (ids.length < first) {
        throw invalid(
          "COUNTS_DIFFER",
        )`${call("logitsProcessor")}${{ row }} has ${counted(ids.length, "token")}, but the prompt has ${first}${{ hint: "make a processor for each generate, or give promptLength" }}`;
      }
      let state = mask.start;
      for (let i = first; i < ids.length; i++) state = mask.next(state, ids[i]!);
      return state;
    });
    const width = dims[1]!;
    states.forEach((state, row) => {
      mask.apply((data as Float32Array).subarray(row * width, (row + 1) * width), state);
    });
    promptLength = first;
    return logits;
  };
  return Object.assign(process.bind(undefined) as LogitsProcessorFunction, { _call: process });
}
