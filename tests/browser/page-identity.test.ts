/** The demo page gives every item its own ID, title and name, whatever the files are like. */
import { readIds } from "rqvae/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../bindings/js/formats/arrays/npy.ts";
import { readIdsCsv } from "../../bindings/js/formats/ids/ids.ts";
import { readIdsJsonl } from "../../bindings/js/formats/ids/ids-jsonl.ts";
import { readLcRec } from "../../bindings/js/formats/ids/lcrec.ts";
import { readRecBole } from "../../bindings/js/formats/ids/recbole.ts";
import { catalogue } from "../js/support/catalogue.ts";
import { hasChromium } from "./browsers.mjs";
import { startVisit, type Visitor } from "./page-visitor.ts";

const ROWS = 40;
const DIM = 4;
const { data } = catalogue(ROWS, DIM);
/** Keys of every kind: leading zeros, 64 bits, blanks, other scripts. */
const key = (i: number) => ["000", "9007199254740993", "B0 ", "品-"][i % 4] + String(i).padStart(3, "0");
const keys = Array.from({ length: ROWS }, (_, i) => key(i));
const vector = (i: number) => `[${data.subarray(i * DIM, (i + 1) * DIM).join(", ")}]`;
const csvOf = (rows: readonly number[]) =>
  Buffer.from(["id,title,embedding", ...rows.map((i) => `${keys[i]},thing ${i},"${vector(i)}"`)].join("\n"));
const all = [...keys.keys()];
const text = (bytes: Buffer) => bytes.toString("utf8");

describe.skipIf(!hasChromium)("identity on the page (Chromium; skipped when it is not installed)", () => {
  let visit: Awaited<ReturnType<typeof startVisit>>;
  let visitor: Visitor;

  beforeAll(async () => {
    visit = await startVisit();
    visitor = visit.visitor;
  });
  afterAll(() => visit?.end());

  async function train(name: string, items: Buffer): Promise<void> {
    await visitor.page.getByTestId("option-epochs").fill("2");
    await visitor.choose("file-input", name, items);
    await expect.poll(() => visitor.text("preview")).toContain(String(DIM));
    await visitor.page.getByTestId("train-button").click();
    await visitor.finished();
  }

  it("names items by the file's own IDs in every file to download, and in that of new items", async () => {
    const page = await visitor.arrive();
    await train("items.csv", csvOf(all));
    expect(await visitor.text("preview")).toContain(`Downloads name the items by their own IDs: “${keys[0]}”`);
    const csv = readIdsCsv(text(await visitor.download("download-ids")));
    expect(csv.itemIds).toEqual(keys);
    expect(csv.titles).toEqual(all.map((i) => `thing ${i}`));
    const codes = [...csv.ids];
    const others = {
      jsonl: readIdsJsonl(text(await visitor.download("download-jsonl"))),
      lcrec: readLcRec(text(await visitor.download("download-lcrec"))),
      recbole: readRecBole(text(await visitor.download("download-recbole"))),
    };
    for (const [format, { ids, itemIds }] of Object.entries(others)) {
      expect([format, itemIds, [...ids]]).toEqual([format, keys, codes]);
    }

    const model = await visitor.download("download-model");
    await visitor.choose("model-input", "model.safetensors", model);
    await visitor.choose("new-items-input", "new.csv", csvOf([7, 3, 21]));
    await page.getByTestId("download-new-ids").waitFor({ state: "visible" });
    expect(await visitor.text("reuse-result")).toContain(`their own IDs: “${keys[7]}”`);
    const fresh = await readIds(await visitor.download("download-new-ids"));
    expect(fresh.itemIds).toEqual([keys[7], keys[3], keys[21]]);
    expect([...fresh.ids]).toEqual([7, 3, 21].map((i) => codes[i]));
  });

  it("joins a file of titles by item ID, and names what is missing or extra", async () => {
    await visitor.arrive();
    const items = ["id,x,y,z,w", ...all.map((i) => `${keys[i]},${vector(i).slice(1, -1)}`)].join("\n");
    await visitor.choose("file-input", "items.csv", Buffer.from(items));
    await expect.poll(() => visitor.text("preview")).toContain("items.csv");
    const titles = [...all].reverse().filter((i) => i !== 2);
    const labels = ["title,item_id", ...titles.map((i) => `name of ${i},${keys[i]}`), "a stranger,x-1"].join("\n");
    await visitor.choose("labels-input", "titles.csv", Buffer.from(labels));
    await expect.poll(() => visitor.text("preview")).toContain("titles.csv has no title for 1 of the 40 items");
    expect(await visitor.text("preview")).toContain(JSON.stringify(keys[2]));
    expect(await visitor.text("preview")).toContain('titles.csv has 1 item that is not in items.csv: "x-1"');
    const shown = await visitor.page.locator(".head-title").allTextContents();
    expect(shown.slice(0, 4)).toEqual(["name of 0", "name of 1", keys[2], "name of 3"]);
  });

  it("says when titles are joined by place, and takes the item IDs that they bring", async () => {
    await visitor.arrive();
    const npy = Buffer.from(writeNpy({ data, rows: ROWS, dim: DIM }));
    await visitor.choose("file-input", "things.npy", npy);
    await expect.poll(() => visitor.text("preview")).toContain("There are no item IDs, so downloads name the items by");
    const labels = all.map((i) => JSON.stringify({ id: keys[i], title: `t ${i}` })).join("\n");
    await visitor.choose("labels-input", "titles.jsonl", Buffer.from(labels));
    await expect.poll(() => visitor.text("preview")).toContain("Joined by position, since things.npy has no item IDs");
    expect(await visitor.text("preview")).toContain("The item IDs are those of titles.jsonl");
    await train("things.npy", npy);
    // The items came anew, without their titles.
    expect(readIdsCsv(text(await visitor.download("download-ids"))).itemIds).toEqual(all.map(String));
    await visitor.choose("labels-input", "titles.jsonl", Buffer.from(labels));
    await expect.poll(() => visitor.text("preview")).toContain("The item IDs are those of titles.jsonl");
    const named = readIdsCsv(text(await visitor.download("download-ids")));
    expect([named.itemIds, named.titles]).toEqual([keys, all.map((i) => `t ${i}`)]);
  });

  it("keeps the numbers of rows when others are left out", async () => {
    await visitor.arrive();
    const holed = data.slice();
    holed[3 * DIM] = Number.NaN;
    await visitor.choose("file-input", "holes.npy", Buffer.from(writeNpy({ data: holed, rows: ROWS, dim: DIM })));
    await visitor.page.getByTestId("leave-out").click();
    await expect.poll(() => visitor.text("preview")).toContain("1 row was left out");
    await visitor.page.getByTestId("option-epochs").fill("2");
    await visitor.page.getByTestId("train-button").click();
    await visitor.finished();
    const { itemIds } = readIdsCsv(text(await visitor.download("download-ids")));
    expect(itemIds).toEqual(all.filter((i) => i !== 3).map(String));
  });

  it("names both rows of one item ID, and leaves the second out when asked", async () => {
    await visitor.arrive();
    await visitor.choose("file-input", "twice.csv", csvOf([...all, 5]));
    await expect.poll(() => visitor.text("preview")).toContain(`Rows 5 and 40 are both item “${keys[5]}”`);
    await visitor.page.getByTestId("leave-out").click();
    await expect.poll(() => visitor.text("preview")).toContain("1 row was left out");
    expect(await visitor.text("preview")).toContain("by their own IDs");

    const nameless = csvOf(all).toString().replace(`${keys[2]},`, ",");
    await visitor.choose("file-input", "nameless.csv", Buffer.from(nameless));
    await expect.poll(() => visitor.text("preview")).toContain("Row 2 has no item ID");
  });
});
