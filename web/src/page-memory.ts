/** What the page remembers: finished results in this browser, and in its address and history where the visitor is. */

import type { EpochRecord } from "rqvae";
import { hook, make } from "./base/dom.ts";
import { fieldOf } from "./base/option-list.ts";
import type { DataSet } from "./data/data-set.ts";
import { isSamePrefix, type Place } from "./explore/exploration.ts";
import { PLACE_NAMES, readPlace, writePlace } from "./explore/place-link.ts";
import type { Results, Trained } from "./explore/results.ts";
import { findSource } from "./keep/choose-again.ts";
import { itemsMark } from "./keep/items-mark.ts";
import { type KeptContents, KeptResults } from "./keep/kept-results.ts";
import { ResultList } from "./keep/result-list.ts";
import type { DataSource, Settings } from "./lab/types.ts";
import { typedFields } from "./settings/options-form.ts";
import { followLink, type Linked, linkToShare, readLink, setLinked } from "./settings/page-link.ts";

/** What it does with the page. */
interface Page {
  results: Results;
  /** Whether a run would be lost. */
  isRunning(): boolean;
  useSample(key: string): Promise<boolean>;
  /** Shows a kept result of these items. */
  showKept(contents: KeptContents, source: DataSource): Promise<boolean>;
  train(): Promise<void>;
}

/** Milliseconds after the last key of a search, and before a place is kept. */
const TYPED_MS = 600;
const NAMES = [...PLACE_NAMES, "show"];
/** The view of a result that the address need not name. */
const FIRST_VIEW = "tree";

export class PageMemory {
  readonly kept = new KeptResults();
  private readonly page: Page;
  private readonly list: ResultList;
  private readonly tabs: HTMLElement;
  private readonly copy = hook("copy-link", HTMLButtonElement);
  /** What is shown: its sample, and what its run was begun with. */
  private sample: string | undefined;
  private fields: [name: string, text: string][] = [];
  private seed = "0";
  /** The place of a link, until there is a result to show it in. */
  private awaited: { sample: string | undefined; place: URLSearchParams } | undefined;
  /** The page follows the address, so that the address does not follow the page. */
  private following = 0;
  private typing: ReturnType<typeof setTimeout> | undefined;
  private keeping: ReturnType<typeof setTimeout> | undefined;

  constructor(page: Page) {
    this.page = page;
    this.list = new ResultList(this.kept, {
      open: (key) => void this.open(key),
      removed: (key) => this.removed(key),
    });
    page.results.exploration.watch((...moved) => this.moved(...moved));
    this.tabs = page.results.section.querySelector<HTMLElement>("[role=tablist]")!;
    for (const event of ["click", "keyup"]) this.tabs.addEventListener(event, () => this.viewed());
    addEventListener("popstate", () => void this.goBack());
    this.copy.addEventListener("click", () => void this.copyLink());
  }

  /** Opens what the address names: a kept result, or a sample, which is trained on if the address says so. */
  async start(): Promise<void> {
    const linked = readLink(NAMES);
    const opened = linked.result && (await this.open(linked.result, linked.place, true));
    if (opened === "shown") this.page.results.section.scrollIntoView({ behavior: "instant" });
    if (opened === "shown" || opened === "begun") return;
    this.awaited = { sample: linked.data, place: linked.place };
    await this.useLinked(linked);
  }

  private async useLinked({ data, train }: Linked): Promise<void> {
    if (!data || !(await this.quietly(() => this.page.useSample(data)))) return;
    if (train) await this.page.train();
  }

  /** The visitor chose other items. */
  choseData(source: DataSource): void {
    const before = this.sample;
    const wasShown = this.kept.shownKey !== undefined;
    this.sample = source.kind === "sample" ? source.key : undefined;
    if (this.awaited && this.awaited.sample !== this.sample) this.awaited = undefined;
    this.kept.show(undefined);
    if (this.following > 0) return;
    const isNew = wasShown || (before !== undefined && before !== this.sample);
    setLinked({ data: this.sample, place: new URLSearchParams() }, isNew ? "push" : "replace");
  }

  /** A run begins, or goes on from a checkpoint. */
  began(settings: Settings): void {
    this.fields = typedFields();
    this.seed = String(settings.model.seed ?? fieldOf("seed")?.fallback ?? 0);
  }

  /**
   * A run gave a result, which the page is about to show.
   * @param ready The model's file with its curves, and when the result is shown.
   * @param isCurrent Whether the page still shows it once it is kept.
   */
  async ended(
    data: DataSet,
    settings: Settings,
    trained: Trained,
    ready: { toKeep: Promise<{ model: Blob; records: EpochRecord[] }>; shown: Promise<unknown> },
    isCurrent: () => boolean,
  ): Promise<void> {
    const hadResult = this.kept.shownKey !== undefined;
    const { fields } = this;
    // As soon as it is shown: once it is kept, the visitor may have gone elsewhere.
    const arrived = ready.shown.then(
      () => (isCurrent() ? this.goToAwaited() : undefined),
      () => {}, // whoever shows it says what went wrong
    );
    const { model, records } = await ready.toKeep;
    const key = await this.kept.add({
      name: await this.nameFor(data),
      ...{
        items: data.rows,
        noun: data.noun,
        codebookSizes: [...trained.ids.codebookSizes],
        itemsMark: itemsMark(data),
      },
      place: "",
      contents: { source: data.source, settings, fields, trained, records, model },
    });
    await arrived;
    if (!isCurrent()) return;
    this.kept.show(key);
    this.write(hadResult ? "push" : "replace");
    this.describeLink();
  }

  /** The items have other titles. */
  renamedItems(source: DataSource): void {
    if (this.kept.shownKey) void this.kept.changeSource(this.kept.shownKey, source);
  }

  /**
   * Shows a kept result. It is absent if it is no longer there, or if its file must be chosen again. One whose opening only began was
   * replaced by what the visitor did meanwhile, or failed, and the page says so.
   */
  async open(key: string, place?: URLSearchParams, isFollowing = false): Promise<"shown" | "begun" | "absent"> {
    const [result, contents] = await Promise.all([this.kept.get(key), this.kept.read(key)]);
    if (!result || !contents) {
      if (!isFollowing) this.list.say("This browser no longer keeps that result.");
      return "absent";
    }
    if (contents.source.kind === "absent" && isFollowing) {
      this.list.say(
        `“${result.name}” is kept without its file, which was too large. Press Open and choose ${contents.source.name} again.`,
      );
      return "absent";
    }
    const source = await findSource(contents.source, (text) => this.list.say(text));
    if (!source) return "absent";
    return this.quietly(async () => {
      this.list.say("");
      const data = source.kind === "sample" ? source.key : undefined;
      // At once, so that the address never lacks the result while it is being opened.
      const saved = place ?? new URLSearchParams(result.place);
      setLinked({ data, result: key, place: saved }, isFollowing ? "replace" : "push");
      if (!(await this.page.showKept(contents, source))) {
        if (this.kept.shownKey === undefined) setLinked({ data: this.sample, place: new URLSearchParams() }, "replace");
        return "begun";
      }
      this.sample = data;
      this.fields = contents.fields;
      this.seed = String(contents.settings.model.seed ?? 0);
      this.kept.show(key);
      await this.goTo(saved);
      this.write("replace");
      this.describeLink();
      return "shown";
    });
  }

  private removed(key: string): void {
    if (key === this.kept.shownKey) this.lost();
  }

  /** The result that was shown is no longer there to be asked. */
  lost(): void {
    if (this.kept.shownKey === undefined) return;
    this.kept.show(undefined);
    this.write("replace");
  }

  /** Back and Forward walk; to another result or sample only while no run would be lost. */
  private async goBack(): Promise<void> {
    this.endTyping();
    const linked = readLink(NAMES, true);
    const isHere = linked.result ? linked.result === this.kept.shownKey : linked.data === this.sample;
    if (isHere) {
      if (linked.result) followLink(linked);
      else readLink(NAMES); // settings that were typed into the address
      if (this.isShown) await this.goTo(linked.place);
      return;
    }
    if (this.page.isRunning()) return;
    if (linked.result && (await this.open(linked.result, linked.place, true)) !== "absent") return;
    readLink(NAMES);
    this.awaited = { sample: linked.data, place: linked.place };
    await this.useLinked(linked);
  }

  private get isShown(): boolean {
    return !this.page.results.section.hidden && this.page.results.ids !== undefined;
  }

  /** Does something that the address is not to follow. */
  private async quietly<T>(work: () => Promise<T>): Promise<T> {
    this.following++;
    try {
      return await work();
    } finally {
      this.following--;
    }
  }

  private goTo(link: URLSearchParams): Promise<void> {
    return this.quietly(async () => {
      const { exploration, ids } = this.page.results;
      if (!ids) return;
      exploration.go(readPlace(link, exploration.start, ids));
      const view = link.get("show") ?? FIRST_VIEW;
      const tab = this.tabs.querySelector<HTMLElement>(`#tab-${CSS.escape(view)}`);
      if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
    });
  }

  /** The place that the address named when the page was opened. */
  private async goToAwaited(): Promise<void> {
    const { awaited } = this;
    this.awaited = undefined;
    if (awaited && awaited.sample === this.sample) await this.goTo(awaited.place);
  }

  /** The visitor walked, picked or searched. */
  private moved(place: Place, before: Place, byVisitor: boolean): void {
    if (this.following > 0 || !this.isShown) return;
    if (!byVisitor && this.typing !== undefined) return; // the search is about to be written, with this
    this.endTyping();
    const isElsewhere =
      !isSamePrefix(place.prefix, before.prefix) || place.item !== before.item || place.code !== before.code;
    if (isElsewhere) this.write(byVisitor ? "push" : "replace");
    else if (place.query !== before.query) {
      this.typing = setTimeout(() => {
        this.typing = undefined;
        this.write("push");
      }, TYPED_MS);
    } else this.write("replace");
  }

  private endTyping(): void {
    clearTimeout(this.typing);
    this.typing = undefined;
  }

  private viewed(): void {
    if (this.following > 0 || !this.isShown) return;
    this.write("push");
  }

  private get place(): URLSearchParams {
    const { exploration } = this.page.results;
    const link = writePlace(exploration.place, exploration.start);
    const tab = this.tabs.querySelector("[role=tab][aria-selected=true]");
    const view = tab?.id.replace(/^tab-/, "") ?? FIRST_VIEW;
    if (view !== FIRST_VIEW) link.set("show", view);
    return link;
  }

  /** Writes the place into the address and, a little later, to the result. */
  private write(how: "push" | "replace"): void {
    const { place } = this;
    const { shownKey } = this.kept;
    setLinked({ data: this.sample, result: shownKey, place }, how);
    clearTimeout(this.keeping);
    if (shownKey)
      this.keeping = setTimeout(() => void this.kept.change(shownKey, { place: place.toString() }), TYPED_MS);
  }

  /** The name of the items, with a number if a kept result has it. */
  private async nameFor({ name }: DataSet): Promise<string> {
    const taken = new Set((await this.kept.list()).map((result) => result.name));
    let candidate = name;
    for (let n = 2; taken.has(candidate); n++) candidate = `${name} ${n}`;
    return candidate;
  }

  private describeLink(): void {
    hook("copy-link-about", HTMLSpanElement).textContent = this.sample
      ? "It carries the sample, the settings, the seed and where you are, and trains when it is opened."
      : "It carries the settings, the seed and where you are, but not your data: whoever opens it needs the same data and trains again.";
  }

  private async copyLink(): Promise<void> {
    const link = linkToShare(this.fields, this.seed);
    const about = hook("copy-link-about", HTMLSpanElement);
    const isCopied = await navigator.clipboard?.writeText(link).then(
      () => true,
      () => false,
    );
    if (isCopied) {
      this.copy.textContent = "Copied";
      setTimeout(() => {
        this.copy.textContent = "Copy link";
      }, 2000);
      return;
    }
    const field = make("input", "link-field");
    field.readOnly = true;
    field.value = link;
    field.setAttribute("aria-label", "Link to copy");
    about.replaceChildren("Copy it from here: ", field);
    field.select();
  }
}
