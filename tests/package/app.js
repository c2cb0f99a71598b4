/** The application of every fixture with a page: nothing in it knows which bundler there is. */
import { RQVAE } from "rqvae";
import { readItems, writeVectors } from "rqvae/formats";
import { RQVAEWorker } from "rqvae/worker";
import { userProgram } from "./user.program.js";

async function readFile() {
  const pieces = [];
  for await (const piece of writeVectors("npy", { data: Float32Array.of(1, 2, 3, 4), rows: 2, dim: 2 }))
    pieces.push(piece);
  const items = await readItems(new Blob(pieces), { fileName: "items.npy" });
  if (String(items.data) !== "1,2,3,4") throw new Error(`the file holds ${items.data}`);
}

globalThis.answer = readFile().then(() => userProgram(RQVAE, RQVAEWorker));
