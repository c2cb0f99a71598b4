// Semantic IDs as an HTTP service.
//   PORT (3000), HOST (127.0.0.1), DATA (./data): where the database lies, CHECKPOINT_MS (10000): work that a crash may cost
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeApp } from "./app.js";
import { openDatabase } from "./database.js";
import { Publication } from "./publication.js";
import { Training } from "./training.js";

const { PORT = "3000", HOST = "127.0.0.1", DATA = "data", CHECKPOINT_MS = "10000" } = process.env;

mkdirSync(DATA, { recursive: true });
const database = openDatabase(join(DATA, "shop.sqlite"));
const publication = new Publication(database);
await publication.open();
const training = new Training(database, publication, Number(CHECKPOINT_MS));
const app = makeApp({ publication, training });

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    if (stopping) return;
    stopping = true;
    await app.close(); // requests that run are answered; the training keeps its state
    database.close();
  });
}

console.log(`listening on ${await app.listen({ host: HOST, port: Number(PORT) })}`);
await training.resume();
