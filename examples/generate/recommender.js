// From a history to the items that come next: a language model in onnxruntime, a beam search over the IDs of the index. The same file in Node
// and in the browser.
import { beamSearch } from "rqvae/decoding";
import { encodeHistories, Vocabulary } from "rqvae/vocabulary";

/** The most recent items that the model reads: they take 60 of its 64 positions, the beginning one, and the codes written after them two. */
const MAX_ITEMS = 20;

export class Recommender {
  #ort;
  #session;
  #index;
  #vocabulary;
  /** Of each cache its name, without "past_key_values." or "present.", and what it is before the first token. */
  #caches;
  /** How often the model ran. */
  runs = 0;

  /**
   * @param ort onnxruntime-web or onnxruntime-node
   * @param session of a decoder-only model, as Hugging Face exports them; train.py describes inputs and outputs
   * @param index whose IDs the model learned
   */
  constructor(ort, session, index) {
    this.#ort = ort;
    this.#session = session;
    this.#index = index;
    this.#vocabulary = new Vocabulary(index);
    this.#caches = session.inputMetadata
      .filter(({ name }) => name.startsWith("past_key_values."))
      .map(({ name, shape: [, heads, , width] }) => ({
        name: name.slice("past_key_values.".length),
        empty: new ort.Tensor("float32", new Float32Array(0), [1, heads, 0, width]),
      }));
  }

  /**
   * The items that come next, the most probable first.
   * @param history item IDs, the latest last
   * @param options those of beamSearch, such as filter, topK, width and signal
   */
  recommend(history, options) {
    const { tokens: prompt } = encodeHistories([history], this.#index, this.#vocabulary, { maxItems: MAX_ITEMS });
    return beamSearch({
      index: this.#index,
      vocabulary: this.#vocabulary,
      ...options,
      step: async (prefixes, { order, state }) => {
        const past = state?.past ?? 0;
        // At first the history; then one token for each prefix, since the caches have the others.
        const tokens = state ? prefixes.map((prefix) => prefix.at(-1)) : prompt;
        const rows = prefixes.length;
        const outputs = await this.#run(tokens, rows, past, (cache) =>
          state ? rowsOf(this.#ort, state.caches[cache.name], order) : cache.empty,
        );
        return {
          // Of the last token: only the first call has several, and it has one row.
          logits: outputs.logits.data.subarray(-rows * outputs.logits.dims[2]),
          state: {
            past: past + tokens.length / rows,
            caches: Object.fromEntries(this.#caches.map(({ name }) => [name, outputs[`present.${name}`]])),
          },
        };
      },
    });
  }

  /** Runs the model on rows of tokens that follow `past` others, whose keys and values are in the caches. */
  #run(tokens, rows, past, cacheOf) {
    this.runs++;
    const width = tokens.length / rows;
    const whole = (columns, values) =>
      new this.#ort.Tensor("int64", BigInt64Array.from(values, BigInt), [rows, columns]);
    return this.#session.run({
      input_ids: whole(width, tokens),
      attention_mask: whole(past + width, new Uint8Array(rows * (past + width)).fill(1)),
      position_ids: whole(
        width,
        Array.from(tokens, (_, i) => past + (i % width)),
      ),
      ...Object.fromEntries(this.#caches.map((cache) => [`past_key_values.${cache.name}`, cacheOf(cache)])),
    });
  }
}

/**
 * The rows of a cache that the prefixes continue. A prefix that was given up has its row left out, one that goes on in several ways has it
 * several times.
 */
function rowsOf(ort, { data, dims: [, ...dims] }, order) {
  const size = dims.reduce((product, extent) => product * extent, 1);
  const gathered = new Float32Array(order.length * size);
  order.forEach((row, i) => {
    gathered.set(data.subarray(row * size, (row + 1) * size), i * size);
  });
  return new ort.Tensor("float32", gathered, [order.length, ...dims]);
}
