/** How data come into the demo page: files of any name and order, pasted lists, titles alone; and new items. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readLabels } from "rqvae/formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../bindings/js/formats/arrays/npy.ts";
import { planIntake } from "../../web/src/data/intake.ts";
import { aboutWords } from "../../web/src/data/words-note.ts";
import type { DataSource } from "../../web/src/lab/types.ts";
import { catalogue } from "../js/support/catalogue.ts";
import { startVisit, type Visitor } from "./page-visitor.ts";
import { ROOT } from "./server.mjs";

describe("files that arrive together", () => {
  const file = (name: string) => new File(["x"], name);
  const [npy, txt, png] = [file("titles.npy"), file("embeddings.txt"), file("a.png")];
  const items = { file: npy, role: "items" } as const;
  const titles = { file: txt, role: "titles" } as const;
  const open = { kind: "files", items: npy, labels: txt };

  it("are items and their titles, in any order", () => {
    expect(planIntake([items, titles], undefined)).toEqual({ open, complaint: "" });
    expect(planIntake([titles, items], undefined)).toEqual({ open, complaint: "" });
  });

  it("are items alone, titles for the items that are there, or titles that are enough", () => {
    const alone: DataSource = { kind: "files", items: txt, fromWords: true };
    const sample: DataSource = { kind: "sample", key: "emoji", itemsUrl: "", labelsUrl: "" };
    expect(planIntake([items], undefined).open).toEqual({ kind: "files", items: npy });
    expect(planIntake([titles], { kind: "files", items: npy })).toEqual({ titles: txt, complaint: "" });
    expect(planIntake([titles], undefined).open).toEqual(alone);
    expect(planIntake([titles], sample).open).toEqual(alone);
    expect(planIntake([titles], alone).open).toEqual(alone);
    // Titles that came first, and were all there was, are those of the embeddings that follow.
    expect(planIntake([items], alone).open).toEqual(open);
  });

  it("are used as far as they can be, and the others named", () => {
    const refused = { file: png, role: "refused", why: "a.png is a PNG image." } as const;
    expect(planIntake([refused, items], undefined)).toEqual({
      open: { kind: "files", items: npy },
      complaint: "a.png is a PNG image.",
    });
    expect(planIntake([refused], undefined)).toEqual({ complaint: "a.png is a PNG image." });
    const other = { file: file("other.npy"), role: "items" } as const;
    expect(planIntake([items, other], undefined).complaint).toMatch(/titles\.npy was taken, and not other\.npy/);
  });
});

describe("what is said of words", () => {
  const all = { words: 10, known: 10, unknown: [], empty: [], language: undefined };

  it("names what is not known, and what to do about other languages", () => {
    expect(aboutWords(all)).toEqual([["good", expect.stringContaining("100% of the 10 words are known.")]]);
    const some = aboutWords({ ...all, known: 4, unknown: ["xyzzy"], empty: [3], language: "German" });
    expect(some.map(([kind]) => kind)).toEqual(["problem", "problem", "note"]);
    expect(some.map(([, text]) => text).join("\n")).toMatch(/40% .*xyzzy.*in German.*1 title \(row 3\) has no words/s);
  });
});

let visit: Awaited<ReturnType<typeof startVisit>>;
let visitor: Visitor;
beforeAll(async () => {
  visit = await startVisit();
  ({ visitor } = visit);
});
afterAll(() => visit?.end());

const EMOJI = readLabels(readFileSync(join(ROOT, "examples/data/emoji/emoji.labels.json"), "utf8"));
const NAMES = EMOJI.titles.map((title) => title.slice(title.indexOf(" ") + 1));

/** Drops files on the page, away from the zone. */
async function drop(...files: [name: string, content: Buffer | string][]): Promise<void> {
  const sent = files.map(([name, content]) => [name, Buffer.from(content).toString("base64")] as const);
  await visitor.page.evaluate((list) => {
    const data = new DataTransfer();
    for (const [name, base64] of list)
      data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
    const at = { bubbles: true, cancelable: true, dataTransfer: data };
    document.querySelector("footer")!.dispatchEvent(new DragEvent("dragenter", at));
    document.querySelector("footer")!.dispatchEvent(new DragEvent("drop", at));
  }, sent);
}

/** Pastes text while nothing has the focus. */
async function paste(text: string): Promise<void> {
  await visitor.page.evaluate((pasted) => {
    const data = new DataTransfer();
    data.setData("text/plain", pasted);
    document.body.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
  }, text);
}

const preview = (text: string | RegExp) =>
  expect.poll(() => visitor.text("preview"), { timeout: 30_000 }).toMatch(text);
const { data: numbers } = catalogue(60, 8);
const npy = Buffer.from(writeNpy({ data: numbers, rows: 60, dim: 8 }));
const titlesOf = (n: number) => Array.from({ length: n }, (_, i) => `thing number ${i}`).join("\n");

describe("data on the page", () => {
  it("keeps embeddings and titles that are dropped together, whatever their names and order", async () => {
    for (const swapped of [false, true]) {
      const page = await visitor.arrive();
      const files: [string, Buffer | string][] = [
        ["my titles.npy", npy],
        ["embeddings.txt", titlesOf(60)],
      ];
      await drop(...(swapped ? files.reverse() : files));
      await preview(/60 items.*thing number 3/s);
      expect(await page.getByTestId("error").isVisible()).toBe(false);
      expect(await page.locator("body.is-dropping").count()).toBe(0);
    }
  });

  it("keeps them when they come one after the other, titles first or last", async () => {
    await visitor.arrive();
    await drop(["a.txt", titlesOf(60)]);
    await drop(["b.npy", npy]);
    await preview(/^b\.npy.*thing number 3/s);
    await visitor.arrive();
    await drop(["b.npy", npy]);
    await drop(["a.txt", titlesOf(60)]);
    await preview(/^b\.npy.*thing number 3/s);
  });

  it("refuses a picture by its content, uses the rest, and shows items without titles that do not fit", async () => {
    const page = await visitor.arrive();
    const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
    await drop(["titles.txt", png], ["b.npy", npy]);
    await preview(/60 items/);
    await page.getByTestId("error").waitFor({ state: "visible" });
    expect(await visitor.text("error")).toMatch(/titles\.txt.*a PNG image/);
    await drop(["b.npy", npy], ["short.txt", titlesOf(59)]);
    await expect.poll(() => visitor.text("error")).toMatch(/short\.txt has 59 titles, but b\.npy has 60 items/);
    await preview(/60 items/);
    expect(await page.getByTestId("train-button").isEnabled()).toBe(true);
  });

  it("says beside the button why nothing can be trained after a file that failed", async () => {
    const page = await visitor.arrive();
    await drop(["b.npy", npy]);
    await expect.poll(() => page.getByTestId("train-button").isEnabled()).toBe(true);
    await drop(["hole.csv", "1,2,3\n4,5,6\n7,,9\n1,2,3\n"]);
    await expect.poll(() => visitor.text("train-hint")).toMatch(/hole\.csv could not be read/);
    expect(await page.getByTestId("train-button").isDisabled()).toBe(true);
    await drop(["b.npy", npy]);
    await expect.poll(() => page.getByTestId("train-button").isEnabled()).toBe(true);
    expect(await visitor.text("train-hint")).not.toMatch(/could not/);
  });

  it("reads decimal commas, and refuses what may be a thousand", async () => {
    await visitor.arrive();
    const rows = (cell: string) => Array.from({ length: 40 }, (_, i) => `t${i};0,${i + 1};${cell};0,25`).join("\n");
    await drop(["de.csv", `title;e0;e1;e2\n${rows("1,5")}\n`]);
    await preview(/40 items.*3 numbers each/s);
    expect(await visitor.text("preview")).toMatch(/1\.5/);
    await drop(["de.csv", `title;e0;e1;e2\n${rows("1.000")}\n`]);
    await expect.poll(() => visitor.text("error")).toMatch(/1\.000.*may mean 1 or 1000/);
  });

  it("takes titles in every form for titles", async () => {
    for (const [name, content] of [
      ["a.csv", `id,title,year\n${Array.from({ length: 30 }, (_, i) => `${i},red shoe ${i},19${i + 10}`).join("\n")}`],
      ["a.json", JSON.stringify(Array.from({ length: 30 }, (_, i) => ({ id: i, title: `red shoe ${i}` })))],
      ["a.json", JSON.stringify({ title: Array.from({ length: 30 }, (_, i) => `red shoe ${i}`) })],
    ] as const) {
      await visitor.arrive();
      await drop([name, content]);
      await preview(/30 items.*100% of the 60 words are known.*red shoe 3/s);
    }
  });

  it("goes from a pasted list of 500 titles to named groups, and gives a new item an ID", async () => {
    const page = await visitor.arrive();
    const list = [...NAMES.slice(0, 498), "=cmd()", "★"].join("\n");
    const begun = Date.now();
    await page.getByTestId("paste-box").fill(list);
    await page.getByTestId("paste-use").click();
    await preview(/500 items.*\d+% of the [\d,]+ words are known/s);
    expect(await visitor.text("preview")).toMatch(/1 title \(row 499\) has no words/s);
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await page.getByTestId("code-tree").locator("li").first().waitFor();
    console.log(`500 pasted titles to named groups: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
    expect(await visitor.text("better-vectors")).toContain("rqvae embed");

    await page.getByTestId("try-input").fill("pirate cat");
    await page.getByTestId("try-input").press("Enter");
    await page.getByTestId("try-id").waitFor();
    expect(await page.getByTestId("try-id").textContent()).toMatch(/^<a_\d+>/);
    expect(await visitor.text("try-answer")).toMatch(/Nearest items:.*cat/);
    await page.getByTestId("try-branch").click();
    await expect.poll(() => visitor.text("table-count")).toMatch(/ of 500 items/);
    // What a spreadsheet would run is text in the file.
    const csv = (await visitor.download("download-ids")).toString();
    expect(csv).toContain(",'=cmd(),");
    expect(csv).not.toMatch(/,=cmd/);
    expect(visitor.complaints).toEqual([]);
  });

  it("takes a list or a table that is pasted anywhere, and nothing that is pasted into a field", async () => {
    const page = await visitor.arrive();
    await paste(NAMES.slice(0, 40).join("\n"));
    await preview(/^Pasted list.*40 items/s);
    await paste(
      `name\tprice\n${NAMES.slice(0, 30)
        .map((name, i) => `${name}\t${i}`)
        .join("\n")}`,
    );
    await preview(/30 items/);
    await page.getByTestId("table-search").evaluate((field) => {
      const data = new DataTransfer();
      data.setData("text/plain", "a\nb\nc");
      field.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
    });
    expect(await visitor.text("preview")).toMatch(/30 items/);
  });

  it("says in which language titles are that it does not know", async () => {
    await visitor.arrive();
    await paste(
      Array.from(
        { length: 30 },
        (_, i) => ["Der Schuh und das Kleid", "Ein Hut für den Winter", "Die Jacke mit dem Kragen"][i % 3],
      ).join("\n"),
    );
    await preview(/seem to be in German/);
  });

  it("gives a title an ID among the emoji, and a vector one among vectors of a file", async () => {
    const page = await visitor.arrive();
    await page.getByTestId("option-epochs").fill("5");
    await page.getByTestId("sample-button").click();
    await visitor.finished();
    await page.getByTestId("try-input").fill("pirate cat");
    await page.getByTestId("try-form").getByRole("button").click();
    await page.getByTestId("try-id").waitFor();
    expect(await visitor.text("try-answer")).toMatch(/Nearest items:.*(cat|pirate)/);
    expect(await page.getByTestId("better-vectors").isVisible()).toBe(false);

    await drop(["b.npy", npy]);
    await preview(/60 items/);
    await page.getByTestId("option-epochs").fill("3");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    const field = page.getByTestId("try-input");
    await field.fill("pirate cat");
    await field.press("Enter");
    expect(await visitor.text("try-answer")).toMatch(/came with vectors of their own.*the 8 numbers/);
    await field.fill("1 2 3");
    await field.press("Enter");
    await expect.poll(() => visitor.text("try-answer")).toMatch(/has 3 numbers, but the items have 8/);
    await field.fill(`[${[...numbers.subarray(0, 8)].join(", ")}]`);
    await field.press("Enter");
    await page.getByTestId("try-id").waitFor();
    // It is item 0: nearest is itself.
    await expect.poll(() => visitor.text("try-answer")).toMatch(/Nearest items:item 0/);
    expect(visitor.complaints).toEqual([]);
  });

  it("fetches the word vectors once, when they are needed, and has them offline", async () => {
    const page = await visitor.arrive();
    await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
    const kept = () =>
      page.evaluate(async () => {
        const found: string[] = [];
        for (const name of await caches.keys())
          for (const { url } of await (await caches.open(name)).keys()) if (url.includes("glove-50k")) found.push(url);
        return found.length;
      });
    expect(await kept()).toBe(0);
    await paste(NAMES.slice(0, 40).join("\n"));
    await preview(/40 items/);
    await expect.poll(kept).toBe(1);
    await visitor.contextOfVisit.setOffline(true);
    await page.reload();
    await paste(NAMES.slice(0, 50).join("\n"));
    await preview(/50 items.*words are known/s);
  });
});
