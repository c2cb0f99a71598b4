// The model behind HTTP, for those who try the guide to decoding without a GPU: answers POST /v1/completions with the most probable next
// tokens of each prompt, as vLLM does with `logprobs` and `return_tokens_as_token_ids`.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import * as ort from "onnxruntime-web";

/**
 * @param path of the ONNX file that train.py writes
 * @param port default: any that is free
 * @returns the server, which listens
 */
export async function serveCompletions(path, port = 0) {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(await readFile(path));
  const server = createServer(async (request, response) => {
    const send = (status, body) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.method !== "POST" || request.url !== "/v1/completions") return send(404, { error: "not found" });
    try {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const { prompt, logprobs } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      const choices = (await nextTokens(session, prompt)).map((own, index) => {
        const best = [...own.keys()].sort((a, b) => own[b] - own[a]).slice(0, logprobs);
        const top = Object.fromEntries(best.map((token) => [`token_id:${token}`, own[token]]));
        return { index, text: "", logprobs: { top_logprobs: [top] } };
      });
      send(200, { choices });
    } catch (error) {
      send(400, { error: error.message });
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** Log-probabilities of the token after each prompt; the prompts have the same length. */
async function nextTokens(session, prompts) {
  const [rows, width] = [prompts.length, prompts[0].length];
  const whole = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [rows, width]);
  const empty = session.inputMetadata
    .filter(({ name }) => name.startsWith("past_key_values."))
    .map(({ name, shape: [, heads, , size] }) => [
      name,
      new ort.Tensor("float32", new Float32Array(0), [rows, heads, 0, size]),
    ]);
  const { logits } = await session.run({
    input_ids: whole(prompts.flat()),
    attention_mask: whole(new Uint8Array(rows * width).fill(1)),
    position_ids: whole(prompts.flatMap((prompt) => [...prompt.keys()])),
    ...Object.fromEntries(empty),
  });
  const size = logits.dims[2];
  return prompts.map((_, row) => {
    const end = (row + 1) * width * size;
    const own = Array.from(logits.data.subarray(end - size, end));
    const log = Math.log(own.reduce((sum, x) => sum + Math.exp(x), 0));
    return own.map((x) => x - log);
  });
}
