// A user's program with transformers.js: it type-checks with that library's declarations, and then runs.
import { AutoModelForCausalLM, env, LogitsProcessorList, Tensor } from "@huggingface/transformers";
import { SemanticIdIndex } from "rqvae";
import { type BeamStep, beamSearch, logitsProcessor } from "rqvae/decoding";
import { encodeHistories, Vocabulary } from "rqvae/vocabulary";

const histories: string[][] = JSON.parse(process.argv[2]!);
env.localModelPath = ".";
env.allowRemoteModels = false;
const model = await AutoModelForCausalLM.from_pretrained("model", { dtype: "fp32" });
const index = await SemanticIdIndex.load("emoji.index");
const vocabulary = new Vocabulary(index);
const notSeen = (await index.filter(histories.flat())).complement();

const table = (rows: number, values: ArrayLike<number>) =>
  new Tensor("int64", BigInt64Array.from(values as number[], BigInt), [rows, values.length / rows]);

/** What `generate` writes after each history: one item. */
async function generate(options: Record<string, unknown>) {
  const { tokens, attentionMask, width } = encodeHistories(histories, index, vocabulary, { padding: "left" });
  const processors = new LogitsProcessorList();
  processors.push(logitsProcessor(notSeen, vocabulary));
  const output = (await model.generate({
    input_ids: table(histories.length, tokens),
    attention_mask: table(histories.length, attentionMask),
    logits_processor: processors,
    ...options,
  })) as Tensor;
  return (output.tolist() as bigint[][]).map((row) => vocabulary.decode(row.slice(width).map(Number)));
}

type Outputs = Record<string, Tensor>;

/** The best items after a history, by calls of the model itself. */
async function search(history: string[]) {
  const { tokens: prompt } = encodeHistories([history], index, vocabulary);
  const step: BeamStep<{ past: number; outputs: Outputs }> = async (prefixes, { order, state }) => {
    const rows = prefixes.length;
    const tokens = state ? prefixes.map((prefix) => prefix.at(-1)!) : prompt;
    const [past, width] = [state?.past ?? 0, tokens.length / rows];
    const outputs: Outputs = await model({
      input_ids: table(rows, tokens),
      attention_mask: table(rows, new Uint8Array(rows * (past + width)).fill(1)),
      past_key_values: state ? reorder(state.outputs, order) : null,
    });
    const { data, dims } = outputs.logits!;
    return { logits: (data as Float32Array).subarray(-rows * dims[2]!), state: { past: past + width, outputs } };
  };
  return await beamSearch({ step, index, vocabulary });
}

function reorder(outputs: Outputs, order: readonly number[]): Outputs {
  const caches = Object.entries(outputs).filter(([name]) => name.startsWith("present."));
  return Object.fromEntries(
    caches.map(([name, { data, dims }]) => {
      const own = dims.slice(1);
      const size = own.reduce((product, extent) => product * extent);
      const reordered = new Float32Array(order.length * size);
      order.forEach((row, i) => {
        reordered.set((data as Float32Array).subarray(row * size, (row + 1) * size), i * size);
      });
      return [name.replace("present", "past_key_values"), new Tensor("float32", reordered, [order.length, ...own])];
    }),
  );
}

console.log(
  JSON.stringify({
    greedy: await generate({ max_new_tokens: index.levels }),
    // One more than the codes: the processor then allows nothing but the end.
    ended: await generate({ max_new_tokens: index.levels + 1 }),
    sampled: await generate({ max_new_tokens: index.levels, do_sample: true, top_k: 0, temperature: 3 }),
    searched: await Promise.all(histories.map(search)),
  }),
);
