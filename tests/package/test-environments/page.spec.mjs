// A user's test of a page's code, under vitest or jest: the globals `it` and `expect` are those of either.
import { RQVAE } from "rqvae";
import { readItems } from "rqvae/formats";
import { RQVAEWorker } from "rqvae/worker";
import expected from "./expected.js";
import { userProgram } from "./user.program.js";

const items = [
  [1, 2],
  [3, 4],
  [5, 7],
  [8, 9],
];
it("runs in a page that is played", () => {
  expect(document.createElement("input").type).toBe("text");
  expect(new File([], "name").name).toBe("name");
});

it("trains, saves, loads and encodes", async () => {
  expect(await userProgram(RQVAE)).toBe(expected.answer);
}, 60_000);

it("reads a model from a Blob, and items from a file that was chosen", async () => {
  const model = await RQVAE.fit(items, { epochs: 1, codebookSize: 2 });
  const same = await RQVAE.load(new Blob([model.save()]));
  expect(same.fingerprint).toBe(model.fingerprint);
  // jsdom's have neither arrayBuffer() nor stream(): FileReader is all there is.
  if (/jsdom/i.test(navigator.userAgent)) expect(Blob.prototype.arrayBuffer ?? Blob.prototype.stream).toBe(undefined);
  const file = new File(["id,e0,e1\na,1,2\nb,3,4\n"], "items.csv", { type: "text/csv" });
  const read = await readItems(file);
  expect([Array.from(read.data), read.itemIds]).toEqual([
    [1, 2, 3, 4],
    ["a", "b"],
  ]);
}, 60_000);

it("says what is missing where there are no workers", async () => {
  if (expected.hasWorkers) {
    const worker = await RQVAEWorker.fit(items, { epochs: 1, codebookSize: 2 });
    expect((await worker.encode(items)).length).toBe(4);
    await worker.dispose();
  } else {
    const error = await RQVAEWorker.create({ inputDim: 2 }).catch((reason) => reason);
    expect(`${error.name}: ${error.message}`).toMatch(/^WorkerError: .*may not allow workers.*Use RQVAE itself/);
  }
}, 60_000);
