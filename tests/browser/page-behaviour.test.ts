/** What people choose, brought to the page: the report's part and the companions on an item's card. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readHistories, readLabels } from "rqvae/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChosenTogether } from "../../web/src/lab/chosen-together.ts";
import { looksLikeHistories } from "../../web/src/lab/looks-like-histories.ts";
import { hasChromium } from "./browsers.mjs";
import { startVisit, type Visitor } from "./page-visitor.ts";
import { ROOT } from "./server.mjs";

it("recognises a file of histories by its header", () => {
  const looks = (text: string) => looksLikeHistories(new TextEncoder().encode(text));
  for (const header of [
    "user_id:token\titem_id:token\ttimestamp:float",
    "user,item,time",
    '"userId";"productId"',
    "uid|iid",
  ])
    expect(looks(`${header}\n1\t2\t3\n`), header).toBe(true);
  expect(looks('{"user": 1, "items": [1, 2]}\n')).toBe(true);
  for (const header of ["item_id,title,e0,e1", "user,age", "1 2 3 4", '{"title": ["a"]}', "", "title"])
    expect(looks(`${header}\n`), header).toBe(false);
});

describe.skipIf(!hasChromium)("histories on the page (Chromium; skipped when it is not installed)", () => {
  let visit: Awaited<ReturnType<typeof startVisit>>;
  let visitor: Visitor;

  beforeAll(async () => {
    visit = await startVisit();
    visitor = visit.visitor;
  });
  afterAll(() => visit?.end());

  it("reports agreement with what people chose, and shows what they chose with an item", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("3");
    await page.getByTestId("sample-button").click();
    await visitor.finished();
    await expect.poll(() => visitor.text("report"), { timeout: 60_000 }).toMatch(/What people choose together/);
    expect(await visitor.text("spotlight")).not.toMatch(/People who chose this/);

    // Refused with the reason, and nothing changes.
    await visitor.choose("histories-input", "bad.csv", Buffer.from("user,what\nu,1\n"));
    await expect.poll(() => visitor.text("report")).toMatch(/bad\.csv was not used: .*no column.*item/i);
    await visitor.choose("histories-input", "others.csv", Buffer.from("user,item\nu,B001\nu,B002\n"));
    await expect.poll(() => visitor.text("report")).toMatch(/others\.csv was not used: .*B001/);

    const histories = readFileSync(join(ROOT, "examples/recommender/emoji-histories.txt"));
    await visitor.choose("histories-input", "emoji-histories.txt", histories);
    await expect
      .poll(() => visitor.text("report"), { timeout: 60_000 })
      .toMatch(/Of two items that one person chose.*share the first code.*Residual k-means.*1,000 users/s);
    expect(await visitor.text("report")).toMatch(/row numbers that start at 1/);
    await expect.poll(() => visitor.text("spotlight")).toMatch(/People who chose this also chose/);

    // The card of an item that was chosen shows what the histories say.
    const { titles } = readLabels(readFileSync(join(ROOT, "examples/data/emoji/emoji.labels.json"), "utf8"));
    const together = new ChosenTogether(await readHistories(histories, { rows: titles.length, firstRow: 1 }));
    const item = titles.findIndex((title) => title.endsWith(" guitar"));
    const companions = together.with(item, 6);
    expect(companions.length).toBeGreaterThan(2);
    await page.getByTestId("table-search").fill("guitar");
    await page.getByTestId("result-table").getByRole("button", { name: "guitar" }).first().click();
    await expect
      .poll(() => page.locator(".companion-list button").allTextContents())
      .toEqual(companions.map((companion) => titles[companion.item]));
    expect(visitor.complaints).toEqual([]);
  });

  it("takes histories before there are IDs, and says so; wrong ones it refuses in sight", async () => {
    const page = await visitor.arrive({ hash: "#data=emoji&epochs=1" });
    await expect.poll(() => visitor.text("preview")).toContain("1,914 emoji");
    await visitor.choose("file-input", "others.csv", Buffer.from("user,item\nu,B001\nu,B002\n"));
    await page.getByTestId("error").waitFor();
    expect(await visitor.text("error")).toMatch(/others\.csv was not used: .*B001/);
    visitor.complaints.length = 0; // the error is logged
    await visitor.choose("file-input", "people.csv", Buffer.from("user,item\nu,1\nu,2\nv,1\nv,3\n"));
    await expect.poll(() => visitor.text("preview")).toMatch(/people\.csv says what people chose/);
    expect(await page.getByTestId("error").isVisible()).toBe(false);
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await expect.poll(() => visitor.text("report"), { timeout: 60_000 }).toMatch(/of 2 users/);
    expect(visitor.complaints).toEqual([]);
  });
});
