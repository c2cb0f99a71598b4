import { hook, make } from "../base/dom.ts";
import { download } from "../base/download.ts";
import { showError } from "../base/page-error.ts";
import type { DataSet } from "../data/data-set.ts";
import { onUnique } from "../explore/unique-ids.ts";
import type { Lab } from "../lab/lab.ts";
import type { IdFile } from "../lab/types.ts";
import { type SnippetKind, type SnippetModel, snippet } from "./snippet.ts";
import "./take-away.css";

interface Offer {
  testId: string;
  title: string;
  about: string;
  fileName: string;
  make(lab: Lab, data: DataSet): Promise<Blob>;
}

const ids = (testId: string, title: string, about: string, fileName: string, format: IdFile): Offer => ({
  testId,
  title,
  about,
  fileName,
  make: (lab) => lab.call("idsFile", { format }),
});

const offers: readonly Offer[] = [
  {
    testId: "download-model",
    title: "Model",
    about: "one file, for Node, browsers and Python",
    fileName: "model.safetensors",
    make: (lab) => lab.call("modelFile", undefined),
  },
  ids("download-ids", "IDs as a table", "csv, for spreadsheets and programs", "ids.csv", "csv"),
  ids("download-jsonl", "IDs as JSON lines", "one item per line", "ids.jsonl", "jsonl"),
  ids("download-lcrec", "IDs for LC-Rec", "tokens by item, JSON", "ids.index.json", "lcrec"),
  ids("download-recbole", "IDs for RecBole", "an atomic .item file", "ids.item", "recbole"),
  {
    testId: "download-index",
    title: "Index",
    about: "which item has which ID, for a recommender or a language model",
    fileName: "ids.index",
    make: (lab) => lab.call("indexFile", undefined),
  },
  {
    testId: "download-report",
    title: "Report",
    about: "a page to share",
    fileName: "report.html",
    make: (lab, data) => lab.call("reportFile", { title: `Semantic IDs: ${data.name}` }),
  },
];

/** The fifth step of the page: files, and the code that uses the model. */
export class TakeAway {
  private readonly empty = hook("takeaway-empty", HTMLParagraphElement);
  private readonly grid = hook("takeaway", HTMLDivElement);
  private readonly code = hook("snippet", HTMLElement);
  private readonly lab: Lab;
  private data: DataSet | undefined;
  private model: SnippetModel | undefined;

  constructor(lab: Lab) {
    this.lab = lab;
    const list = hook("downloads", HTMLUListElement);
    for (const offer of offers) list.append(make("li", "", this.makeButton(offer)));
    const note = hook("downloads-note", HTMLParagraphElement);
    onUnique((unique) => {
      note.hidden = !unique;
      note.textContent = unique
        ? `The files of IDs and the index hold the unique IDs${unique.how === "suffix" ? ", which have one more code than the model gives" : ""}.`
        : "";
    });
    for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=snippet]")) {
      radio.addEventListener("change", () => this.showCode());
    }
    this.code.closest("section")!.tabIndex = 0; // scrolled with the arrow keys
    const copy = hook("copy-snippet", HTMLButtonElement);
    copy.addEventListener("click", async () => {
      const copied = await navigator.clipboard.writeText(this.code.textContent ?? "").then(
        () => true,
        () => false,
      );
      copy.textContent = copied ? "Copied" : "Select the code and copy it";
      setTimeout(() => {
        copy.textContent = "Copy";
      }, 2000);
    });
  }

  show(data: DataSet, model: Omit<SnippetModel, "items">): void {
    this.data = data;
    this.model = { ...model, items: namesOf(data) };
    this.empty.hidden = true;
    this.grid.hidden = false;
    this.showCode();
  }

  hide(): void {
    this.empty.hidden = false;
    this.grid.hidden = true;
  }

  private showCode(): void {
    const kind = document.querySelector<HTMLInputElement>("input[name=snippet]:checked")?.value as SnippetKind;
    if (this.model) this.code.textContent = snippet(kind, this.model);
  }

  private makeButton(offer: Offer): HTMLElement {
    const state = make("span", "download-about", offer.about);
    const button = make(
      "button",
      "download",
      make("span", "download-title", offer.title),
      make("span", "file-name", offer.fileName),
      state,
    );
    button.type = "button";
    button.dataset.testid = offer.testId;
    button.addEventListener("click", async () => {
      if (!this.data || button.getAttribute("aria-busy") === "true") return;
      button.setAttribute("aria-busy", "true");
      state.textContent = "creating it…";
      try {
        download(await offer.make(this.lab, this.data), offer.fileName);
      } catch (error) {
        showError(error);
      } finally {
        button.removeAttribute("aria-busy");
        state.textContent = offer.about;
      }
    });
    return button;
  }
}

/** What the first items are called in the downloads. */
const namesOf = ({ itemIds, hasOwnIds, rows }: DataSet): (string | number)[] =>
  itemIds
    ? itemIds.slice(0, 3).map((itemId) => (hasOwnIds ? itemId : Number(itemId)))
    : Array.from({ length: Math.min(3, rows) }, (_, row) => row);
