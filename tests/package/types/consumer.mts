/** Type-checked only: every entry, as a user's strict TypeScript sees it. */
import { initialize, RQVAE, type SemanticIds } from "rqvae";
import { type ItemTable, type OpenedItems, openItems, readIds, readItems, writeIds } from "rqvae/formats";
import { RQVAE as Inline } from "rqvae/inline";
import { reportHtml } from "rqvae/report";
import wasm from "rqvae/rqvae.wasm";
import address from "rqvae/rqvae.wasm?url";
import { encodeHistories, Vocabulary } from "rqvae/vocabulary";
import { RQVAEWorker } from "rqvae/worker";

const text: string = address;
await initialize({ wasm, threads: "auto" });
await initialize({ wasm: text });
// @ts-expect-error: "auto" or a number
await initialize({ threads: "many" });

const model: RQVAE = await RQVAE.fit([[1, 2]], { seed: 0 });
const ids: SemanticIds = model.encode(new Float32Array(2));
const same: Promise<Inline> = Inline.load(model.save());
const vocabulary = new Vocabulary(ids);
const worker: RQVAEWorker = await RQVAEWorker.load(model.save());
const codes: Uint16Array | Uint32Array = (await worker.encode([[1, 2]])).codes;
// @ts-expect-error: an ID is a row of numbers
const wrong: string = ids.at(0);
// What the entries share is one type: IDs and items of one are what the others take.
const table: ItemTable = await readItems("items.npy");
const opened: OpenedItems = await openItems("items.npy");
const pieces: Iterable<string | Uint8Array> = writeIds("csv", { ids: model.encode(table), itemIds: table.itemIds });
const trained: Promise<RQVAE> = RQVAE.fit(opened);
model.decode((await readIds("ids.csv")).ids);
model.dispose();

export { codes, encodeHistories, pieces, reportHtml, same, trained, vocabulary, worker, wrong };
