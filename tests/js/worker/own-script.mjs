/** The script of script-worker.test.ts. */
import { RQVAE } from "../../../dist/index.js";
import { answerCalls } from "../../../dist/worker/index.js";

const held = Float32Array.of(1, 2, 3);

answerCalls({
  held: () => held,
  echo: (input) => input,
  async train({ items, epochs }, { onProgress, signal }) {
    const model = await RQVAE.fit(items, { epochs, onProgress, signal });
    return { fingerprint: model.fingerprint, ids: model.encode(items).codes };
  },
  async wait(_, { onProgress, signal }) {
    onProgress("waiting");
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  },
  fail({ how }) {
    if (how === "ours") return RQVAE.create({ inputDim: -1 });
    throw Object.assign(new Error("not ours"), { name: "OwnError" });
  },
  exit: () => process.exit(3),
});
