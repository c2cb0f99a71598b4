/** What a user's few lines come to, for every bundler and runtime: trains, saves, loads, encodes; and encodes in a worker where given one. */
import { catalogue } from "./determinism.program.js";

export async function userProgram(RQVAE, RQVAEWorker) {
  const items = catalogue(300, 12);
  const model = await RQVAE.fit(items, { epochs: 3, codebookSize: 16, latentDim: 8, seed: 1 });
  const file = model.save();
  const same = await RQVAE.load(file);
  const answer = {
    ids: same.encode(items).codes.join(" "),
    file: hex(file),
    savedAgain: hex(same.save()) === hex(file),
  };
  model.dispose();
  same.dispose();
  if (RQVAEWorker) {
    const worker = await RQVAEWorker.load(file);
    answer.idsOfWorker = (await worker.encode(items)).codes.join(" ");
    answer.fileOfWorker = hex(await worker.save());
    await worker.dispose();
  }
  return JSON.stringify(answer);
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
