/** The tree, its searches, codes with names, "How it works", and the result that the page opens with. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { catalogue } from "../js/support/catalogue.ts";
import { hasChromium } from "./browsers.mjs";
import { startVisit, type Visitor } from "./page-visitor.ts";
import { ROOT } from "./server.mjs";

const { titles } = JSON.parse(readFileSync(join(ROOT, "examples/data/emoji/emoji.labels.json"), "utf8")) as {
  titles: string[];
};

/** Pixels of page below the footer. */
const below = (page: Page) =>
  page.evaluate(() => {
    const footer = document.querySelector("footer")!.getBoundingClientRect();
    return Math.round(document.documentElement.scrollHeight - (footer.bottom + scrollY));
  });

/** What lies in a scroller but is placed outside it, so that it lengthens the page. */
const escaped = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("body *")]
      .filter((element) => getComputedStyle(element).position === "absolute" && element.offsetParent)
      .filter((element) => {
        for (let at = element.parentElement; at && at !== element.offsetParent; at = at.parentElement)
          if (/auto|scroll/.test(getComputedStyle(at).overflowY)) return true;
        return false;
      })
      .map((element) => element.outerHTML.slice(0, 120)),
  );

const findings = async (page: Page) => {
  // The report is another part's, and arrives when it likes.
  const { violations } = await new AxeBuilder({ page }).exclude("[data-testid=report]").analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join("\n")}`);
};

describe.skipIf(!hasChromium)("the tree of the demo page (Chromium; skipped when it is not installed)", () => {
  let visit: Awaited<ReturnType<typeof startVisit>>;
  let visitor: Visitor;
  let page: Page;

  beforeAll(async () => {
    visit = await startVisit();
    visitor = visit.visitor;
  });
  afterAll(() => visit?.end());

  const trainOnEmoji = async (epochs = 3) => {
    await page.getByTestId("option-epochs").fill(String(epochs));
    await page.getByTestId("sample-button").click();
    await visitor.finished();
    await page.getByTestId("code-tree").getByRole("button").first().waitFor();
  };
  const branches = () => page.getByTestId("code-tree").getByRole("button");
  const card = () => page.getByTestId("spotlight").locator(".card-title").textContent();
  const codesOfCard = async () =>
    (await page.getByTestId("spotlight").locator(".card-head .id").textContent())!.match(/<[^>]+>/g)!;
  const crumbs = () => visitor.text("crumbs");

  describe("with the emoji", () => {
    beforeAll(async () => {
      page = await visitor.arrive();
      await trainOnEmoji();
    });
    beforeEach(async () => {
      await page.getByRole("tab", { name: "Tree" }).click();
      await page.getByTestId("crumbs").getByRole("button", { name: "All" }).click();
      await page.getByTestId("table-search").fill("");
      await expect.poll(() => visitor.text("table-count")).toBe("All 1,914 emoji");
    });

    it("ends where its footer ends, wherever one walks", async () => {
      expect(await below(page)).toBeLessThanOrEqual(0);
      expect(await escaped(page)).toEqual([]);
      await branches().first().click();
      await page.getByTestId("code-name").waitFor();
      expect(await below(page)).toBeLessThanOrEqual(0);
      expect(await escaped(page)).toEqual([]);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await below(page)).toBeLessThanOrEqual(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
      await page.setViewportSize({ width: 1440, height: 900 });
    });

    it("says what a search finds beyond the open branch, and shows it", async () => {
      const inAll = titles.filter((title) => title.includes("heart")).length;
      // A branch without hearts.
      await page.getByTestId("lookup-input").fill("tractor");
      await page.getByRole("button", { name: "Find" }).click();
      await expect.poll(card).toBe("tractor");
      const [first] = await codesOfCard();
      await page.getByTestId("lookup-input").fill(first!);
      await page.getByRole("button", { name: "Find" }).click();
      await expect.poll(crumbs).toContain(first!.slice(1, -1));
      await page.getByTestId("table-search").fill("heart");
      await expect
        .poll(() => visitor.text("table-count"))
        .toMatch(new RegExp(`^\\d+ here, ${inAll} in all 1,914 emoji$`));
      await page.getByTestId("search-all").click();
      await expect.poll(() => visitor.text("table-count")).toBe(`${inAll} of 1,914 emoji`);
      expect(await page.getByTestId("table-search").inputValue()).toBe("heart");
      expect(await page.getByTestId("search-all").isVisible()).toBe(false);
      // The card follows, to the best of what was found.
      await expect.poll(card).toMatch(/heart/);
    });

    it("has the card follow: to an item that is typical of the branch, or it says that it does not", async () => {
      await page.getByTestId("table-search").fill("guitar");
      await expect.poll(card).toBe("guitar");
      await page.getByTestId("table-search").fill("");
      const [own] = await codesOfCard();
      const other = branches().filter({ hasNotText: own! }).first();
      const token = (await other.locator(".code").first().textContent())!;
      await other.click();
      await expect.poll(async () => (await codesOfCard())[0]).toBe(token);
      const typical = page.getByTestId("code-panel").locator(".code-items button").first();
      expect(await typical.textContent()).toContain((await card())!);
      expect(await visitor.text("spotlight")).not.toContain("Not in the branch");

      await page.getByTestId("spotlight").locator(".depth-none .kin-item").first().click();
      await expect.poll(() => visitor.text("spotlight")).toContain("Not in the branch that is open");
      const [elsewhere] = await codesOfCard();
      await page.getByRole("button", { name: "Open its branch" }).click();
      await expect.poll(crumbs).toContain(elsewhere);
      await expect.poll(() => visitor.text("spotlight")).not.toContain("Not in the branch");
    });

    it("marks what is picked, in the table and in the list", async () => {
      await page.getByTestId("table-search").fill("red heart");
      await page.getByTestId("result-table").getByRole("button", { name: "red heart" }).first().click();
      const row = page.getByTestId("result-table").locator("[aria-current=true]");
      await expect.poll(() => row.textContent()).toContain("red heart");
      expect(await row.count()).toBe(1);
      const tokens = await codesOfCard();
      await page.getByTestId("lookup-input").fill(tokens.slice(0, 2).join(""));
      await page.getByRole("button", { name: "Find" }).click();
      const item = page.getByTestId("code-tree").locator("[aria-current=true]");
      await expect.poll(() => item.textContent()).toContain("red heart");
      await page.getByTestId("crumbs").getByRole("button").nth(1).click();
      const branch = page.getByTestId("code-tree").locator("[aria-current=location]");
      await expect.poll(() => branch.locator(".code").textContent()).toBe(tokens[1]);
    });

    it.each([
      ["guitar", /found: 🎸 guitar|Found 🎸 guitar/, "guitar"],
      ["GUITAR", /🎸 guitar/, "guitar"],
      ["nonsense", /No emoji is called “nonsense”.*codes of an ID such as <a_\d+>/, undefined],
      ["<nonsense>", /No emoji is called “<nonsense>”/, undefined],
      ["", /Type a name, or the codes of an ID/, undefined],
      ["1 2 3 4", /IDs have 3 codes here, but you wrote 4/, undefined],
      ["<a_99>", /Code 1 must be from 0 to 63, but you wrote 99/, undefined],
    ])("finds %j by name or by ID", async (text, answer, found) => {
      await page.getByTestId("lookup-input").fill(text);
      await page.getByRole("button", { name: "Find" }).click();
      await expect.poll(() => visitor.text("lookup-answer")).toMatch(answer);
      if (found) await expect.poll(card).toBe(found);
    });

    it("finds an ID by its tokens and by plain numbers, and its beginning as a branch", async () => {
      await page.getByTestId("lookup-input").fill("tractor");
      await page.getByRole("button", { name: "Find" }).click();
      await expect.poll(card).toBe("tractor");
      const tokens = await codesOfCard();
      const numbers = tokens.map((token) => /\d+/.exec(token)![0]);
      for (const id of [tokens.join(""), numbers.join(" "), numbers.join(", ")]) {
        await page.getByTestId("table-search").fill("");
        await page.getByTestId("table-search").fill("guitar");
        await expect.poll(card).toBe("guitar");
        await page.getByTestId("lookup-input").fill(id);
        await page.getByRole("button", { name: "Find" }).click();
        await expect.poll(() => visitor.text("lookup-answer")).toMatch(/(has|have) this ID: .*tractor/);
      }
      await page.getByTestId("lookup-input").fill(numbers.slice(0, 2).join(" "));
      await page.getByRole("button", { name: "Find" }).click();
      await expect.poll(crumbs).toContain(tokens.slice(0, 2).join("").slice(0, 5));
      await page.getByTestId("table-search").fill(tokens[0]!);
      await expect.poll(() => visitor.text("table-count")).toMatch(/here, \d+ in all/);
    });

    it("keeps the focus where a keyboard walks, and says at which level that is", async () => {
      const label = () => page.getByTestId("code-tree").getAttribute("aria-label");
      const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
      const announced = () => page.locator("#view-tree p.visually-hidden").textContent();
      await branches().first().focus();
      await page.keyboard.press("ArrowDown");
      const second = await branches().nth(1).textContent();
      expect(await focused()).toBe(second);
      const token = /<a_\d+>/.exec(second!)![0];
      await page.keyboard.press("ArrowRight");
      await expect.poll(label).toContain(`in ${token}`);
      expect(await announced()).toMatch(new RegExp(`^Level 2 of 3: \\d+ branch.*in ${token}`));
      expect(await focused()).toBe(await branches().first().textContent());
      await page.keyboard.press("Enter");
      await expect.poll(announced).toMatch(/^Level 3 of 3: \d+ emoji in <a_\d+><b_\d+>/);
      expect(await focused()).toBe(await branches().first().textContent());
      await page.keyboard.press("End");
      expect(await focused()).toBe(await branches().last().textContent());
      await page.keyboard.press("ArrowLeft");
      await expect.poll(announced).toMatch(/^Level 2 of 3/);
      expect(await focused()).toMatch(/^<b_\d+>/);
      await page.keyboard.press("ArrowLeft");
      await expect.poll(announced).toMatch(/^Level 1 of 3: \d+ branches of the whole tree/);
      expect(await focused()).toContain(token);
      // From the crumbs, too.
      await page.keyboard.press("ArrowRight");
      await expect.poll(announced).toMatch(/^Level 2 of 3/);
      await page.getByTestId("crumbs").getByRole("button", { name: "All" }).focus();
      await page.keyboard.press("Enter");
      await expect.poll(announced).toMatch(/^Level 1 of 3/);
      expect(await focused()).toBe("All");
    });

    it("leads from a square to the page of its code, by click and by keyboard", async () => {
      const panel = page.getByTestId("code-panel");
      const squares = page.getByTestId("usage").locator("canvas");
      await squares.nth(1).click({ position: { x: 4, y: 4 } });
      await expect.poll(() => panel.textContent()).toMatch(/^Second code <b_0>/);
      await expect.poll(() => panel.textContent()).toMatch(/emoji have it as their second code.*Where it is used/s);
      const [, second] = await codesOfCard();
      await expect.poll(async () => (await codesOfCard())[1]).toBe("<b_0>");
      expect(second).toBeDefined();

      await squares.nth(0).focus();
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      expect(await squares.nth(0).getAttribute("aria-label")).toMatch(
        /First code, \d+ of 64 in use. code 2: .*Enter opens it/,
      );
      expect(await visitor.text("usage-tip")).toMatch(/^First code 2: /);
      await page.keyboard.press("Enter");
      await expect.poll(() => panel.textContent()).toMatch(/^First code <a_2>/);
      expect(await page.evaluate(() => document.activeElement?.getAttribute("data-testid"))).toBe("code-panel");

      // From a code to its neighbours, and from a branch to its code anywhere.
      await panel.locator(".code-row").first().click();
      await expect.poll(() => panel.textContent()).not.toMatch(/^First code <a_2>/);
      await branches().first().click();
      await expect.poll(() => panel.textContent()).toMatch(/^Second code <b_\d+> below <a_\d+>.*emoji here/s);
      const anywhere = panel.getByRole("button", { name: /in all have it/ });
      if ((await anywhere.count()) > 0) {
        await anywhere.click();
        await expect.poll(() => panel.textContent()).toMatch(/^Second code <b_\d+>\d+ emoji have it/);
      }
    });

    it("explains an item step by step, by keyboard", async () => {
      await page.getByTestId("table-search").fill("guitar");
      await expect.poll(card).toBe("guitar");
      await page.getByRole("tab", { name: "How it works" }).click();
      const text = () => visitor.text("how-text");
      await expect.poll(text).toMatch(/turns the emoji into a vector of \d+ numbers/);
      await page.getByTestId("how-slider").focus();
      const tokens = await codesOfCard();
      for (const token of tokens) {
        await page.keyboard.press("ArrowRight");
        await expect.poll(text).toContain(token);
      }
      expect(await page.getByTestId("how-slider").getAttribute("aria-valuetext")).toBe("4 of 5: Third code");
      await page.keyboard.press("End");
      await expect.poll(text).toMatch(/\d+% of what sets this emoji apart has survived in 3 codes/);
      const kept = /(\d+%) of what sets/.exec((await text())!)![1];
      expect(await visitor.text("spotlight")).toContain(`The ID keeps ${kept} of what sets`);
      // Another item shows the same step of its own.
      await page.getByTestId("how-near").getByRole("button").last().click();
      await expect.poll(() => page.locator(".how-head h3").textContent()).toBe(await card());
      await expect.poll(text).toMatch(/has survived/);
      await page.getByRole("button", { name: "Back" }).click();
      await expect.poll(text).toContain((await codesOfCard())[2]!);
      expect(await below(page)).toBeLessThanOrEqual(0);
    });

    it("is free of findings of axe with a branch open and with an item explained", async () => {
      await branches().first().click();
      await page.getByTestId("code-name").waitFor();
      await expect.poll(() => visitor.text("code-panel")).toContain("Nearest codes");
      expect(await findings(page)).toEqual([]);
      await page.getByRole("tab", { name: "How it works" }).click();
      await expect.poll(() => visitor.text("how-near")).toMatch(/like|codes say/);
      await page.emulateMedia({ colorScheme: "dark" });
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await findings(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 1440, height: 900 });
      expect(visitor.complaints).toEqual([]);
    });
  });

  it("keeps the names that a visitor gives, shows them everywhere and hands them out", async () => {
    page = await visitor.arrive();
    await trainOnEmoji(2);
    const first = branches().first();
    const token = (await first.locator(".code").first().textContent())!;
    await first.click();
    await page.getByTestId("code-name").fill("My favourites");
    await page.keyboard.press("Enter");
    const everywhere = async () => {
      await expect.poll(crumbs).toContain(`${token}My favourites`);
      await expect.poll(() => visitor.text("spotlight")).toContain("My favourites");
      await page.getByTestId("crumbs").getByRole("button", { name: "All" }).click();
      await expect.poll(() => branches().filter({ hasText: token }).first().textContent()).toContain("My favourites");
    };
    await everywhere();
    await branches().filter({ hasText: token }).first().click();
    await page.getByTestId("code-name").waitFor();
    const file = JSON.parse((await visitor.download("download-names")).toString());
    expect(file.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    const code = Number(/\d+/.exec(token)![0]);
    expect(file.names[0]).toMatchObject({ id: token, codes: [code], name: "My favourites", by: "you" });
    expect(file.names.length).toBeGreaterThan(20);
    expect(file.names[1]).toMatchObject({ by: "titles" });

    // Another visit: the same model has the same names.
    await page.reload();
    await expect.poll(() => visitor.text("preview")).toContain("1,914"); // the sample of the link
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    await branches().filter({ hasText: token }).first().click();
    await expect.poll(() => page.getByTestId("code-name").inputValue()).toBe("My favourites");
    await everywhere();
    // Taken back, the suggestion returns.
    await branches().filter({ hasText: token }).first().click();
    await page.getByTestId("code-name").fill("");
    await page.keyboard.press("Enter");
    await expect.poll(crumbs).not.toContain("My favourites");
    expect(visitor.complaints).toEqual([]);
  });

  it("finds titles with a <, and shows them as text", async () => {
    page = await visitor.arrive();
    const { data } = catalogue(60, 5);
    const names = Array.from({ length: 60 }, (_, i) =>
      i === 7 ? "<b>bold</b> & more" : i === 8 ? "<3 love" : `thing ${i}`,
    );
    const csv = names.map((name, i) => [`"${name}"`, ...data.subarray(5 * i, 5 * i + 5)].join(","));
    await visitor.choose("file-input", "tags.csv", Buffer.from(["title,a,b,c,d,e", ...csv].join("\n")));
    await expect.poll(() => visitor.text("preview")).toContain("60");
    await page.getByTestId("option-epochs").fill("2");
    await page.getByTestId("train-button").click();
    await visitor.finished();
    for (const [query, title] of [
      ["<b>", "<b>bold</b> & more"],
      ["<3", "<3 love"],
    ] as const) {
      await page.getByTestId("table-search").fill(query);
      await expect.poll(() => visitor.text("table-count")).toBe("1 of 60 items");
      expect(await visitor.text("result-table")).toContain(title);
      await page.getByTestId("lookup-input").fill(query);
      await page.getByRole("button", { name: "Find" }).click();
      await expect.poll(card).toBe(title);
    }
    expect(visitor.complaints).toEqual([]);
  });

  describe("opens with a finished result", () => {
    /** From the next load on. The page's own fetch is changed, as a service worker answers from its store. */
    const heroFile = (how: "late" | "lost") =>
      page.addInitScript((which) => {
        const { fetch: own } = globalThis;
        globalThis.fetch = async (...request) => {
          if (!String(request[0]).includes("hero-tree")) return own(...request);
          if (which === "lost") throw new TypeError("lost");
          await new Promise((resolve) => setTimeout(resolve, 700));
          return own(...request);
        };
      }, how);

    it.each([
      [1440, false],
      [390, true],
    ])("that one can walk before anything runs: %i px", async (width, dark) => {
      page = await visitor.arrive({ width, dark });
      const heroBranches = page.getByTestId("hero-branches").getByRole("button");
      await heroBranches.first().waitFor();
      const height = () => page.getByTestId("hero").evaluate((figure) => (figure as HTMLElement).offsetHeight);
      const full = await height();
      // The room for it is there before it is: nothing jumps when it arrives.
      await heroFile("late");
      await page.reload();
      expect(await heroBranches.count()).toBe(0);
      expect(await height()).toBe(full);
      await heroBranches.first().waitFor();
      expect(await height()).toBe(full);
      expect(await visitor.text("hero-rings")).toContain("1,914 emoji");
      const items = await page.getByTestId("hero-items").locator("li").allTextContents();
      expect(items).toHaveLength(4);
      const firstCodes = items.map((item) => /<a_\d+>/.exec(item)![0]);
      expect(firstCodes[1]).toBe(firstCodes[0]);
      expect(firstCodes[3]).not.toBe(firstCodes[0]);

      await heroBranches.nth(1).focus();
      const token = (await heroBranches.nth(1).locator(".code").textContent())!;
      await page.keyboard.press("Enter");
      await expect.poll(() => visitor.text("hero-crumbs")).toContain(token);
      for (const item of await page.getByTestId("hero-items").locator("li").allTextContents())
        expect(item).toContain(token);
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(token);
      await page.getByTestId("hero-crumbs").getByRole("button", { name: "All" }).click();
      await expect.poll(() => visitor.text("hero-rings")).toContain("1,914 emoji");

      // The rings, too: into a branch and out by the middle.
      const rings = page.getByTestId("hero-rings").locator("canvas");
      const { width: side } = (await rings.boundingBox())!;
      await rings.click({ position: { x: side / 2 + 8, y: side * 0.25 } });
      await expect.poll(() => visitor.text("hero-crumbs")).toMatch(/a_\d+/);
      await page.mouse.move(0, 0);
      await page.waitForTimeout(600); // the walk
      await rings.click({ position: { x: side / 2, y: side / 2 } });
      await expect.poll(() => visitor.text("hero-crumbs")).toBe("All");
      expect(await findings(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      expect(visitor.complaints).toEqual([]);
    });

    it("of which little has to be loaded, and without which the page works", async () => {
      const sizeOf = (file: string) => gzipSync(readFileSync(join(ROOT, file))).length;
      const loaded = sizeOf("web/src/explore/hero-tree.json") + sizeOf("examples/data/emoji/emoji.labels.json");
      expect(loaded).toBeLessThan(30_000);
      page = await visitor.arrive();
      await heroFile("lost");
      await page.reload();
      await expect.poll(() => page.getByTestId("hero").isVisible()).toBe(false);
      await page.getByTestId("sample-fiori").click();
      await expect.poll(() => visitor.text("preview")).toContain("778");
    });
  });
});
