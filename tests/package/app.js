/** The application of every fixture with a page: nothing in it knows which bundler there is. */
import { RQVAE } from "rqvae";
import { readItemsAsync, writeNpy } from "rqvae/formats";
import { RQVAEWorker } from "rqvae/worker";
import { userProgram } from "./user.program.js";

async function readFile() {
  const file = new Blob([writeNpy({ data: Float32Array.of(1, 2, 3, 4), rows: 2, dim: 2 })]);
  const { items } = await readItemsAsync(file, "items.npy");
  if (String(items.data) !== "1,2,3,4") throw new Error(`the file holds ${items.data}`);
}

globalThis.answer = readFile().then(() => userProgram(RQVAE, RQVAEWorker));
