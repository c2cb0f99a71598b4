// Semantic IDs as an HTTP service. What the environment may set:
//   PORT, HOST, DATA: where it listens, and the folder of the database
//   TOKEN: what requests must bring along, `authorization: Bearer TOKEN`; without it everybody may do everything
//   the names in `limits`
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeApp } from "./app.js";
import { openDatabase } from "./database.js";
import { whyNotStarted } from "./explain.js";
import { Generations } from "./generations.js";
import { Publication } from "./publication.js";
import { Training } from "./training.js";

const { PORT = "3000", HOST = "127.0.0.1", DATA = "data", TOKEN } = process.env;
/** Ends the start with one line. */
function refuse(reason) {
  console.error(reason);
  process.exit(1);
}

/** What a client, or a crash, may cost at most. */
const limits = {
  MAX_EPOCHS: 1000,
  MAX_ITEMS: 1_000_000, // of a catalogue
  MAX_ADDED: 10_000, // items of one POST /items: they are encoded between two other requests
  MAX_BYTES: 2 ** 29, // of a body
  MAX_JSON_BYTES: 2 ** 24, // of JSON of one value, which is read as a whole
  REQUEST_MS: 300_000, // until a request is there with its body
  CHECKPOINT_MS: 10_000, // of training that a crash costs
  RETRAIN_MS: 24 * 3600_000, // between two retrainings
  SNAPSHOT_EVERY: 1000, // requests that added items, to be added again at the start after a crash
};
for (const name of Object.keys(limits)) {
  const text = process.env[name] ?? limits[name];
  limits[name] = Number(text);
  if (!(limits[name] > 0)) refuse(`${name} must be a number above 0, but is ${JSON.stringify(text)}`);
}

const stopped = new Promise((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, resolve);
});

/** The database in its folder, or one line of why not. */
function openData() {
  try {
    mkdirSync(DATA, { recursive: true });
    return openDatabase(join(DATA, "shop.sqlite"));
  } catch (error) {
    return refuse(`DATA=${DATA}: the folder of the database cannot be used: ${error.message}`);
  }
}

console.log(`taking up ${DATA}`);
const database = openData();
const publication = new Publication(database, limits);
const added = await publication.open();
const training = new Training(database, publication, limits);
const generations = new Generations(database, publication, limits);
const app = makeApp({ publication, training, generations, limits, token: TOKEN });

console.log(`${added} requests since the snapshot of the index were added again`);
const address = await app.listen({ host: HOST, port: Number(PORT) }).catch((error) => {
  const why = whyNotStarted(error, { host: HOST, port: PORT });
  if (why === undefined) throw error;
  database.close();
  refuse(why);
});
console.log(`listening on ${address}`);
const resumed = training.resume();
generations.schedule();

await stopped;
await app.close(); // requests that run are answered; the training keeps its state
await resumed;
publication.close();
database.close();
