import { assessIds, type RQVAE, SemanticIdIndex, type SemanticIds } from "rqvae";
import { type Explainer, explainIds, type IdReport } from "rqvae/report";
import { nextTask } from "../base/slices.ts";
import { ChosenTogether } from "./chosen-together.ts";
import { CodeStudy } from "./code-study.ts";
import type { HeldItems } from "./items.ts";
import { summarizeReport } from "./report-summary.ts";
import type { Companion, FoundIds, HowUnique, ItemDetails, Latents, ReportSummary, UniqueIds } from "./types.ts";
import { indexOf, type Published, publishUnique } from "./unique-ids.ts";
import { evenly } from "./vectors.ts";
import { meanSquaredDistance, squaredError } from "./yardstick.ts";

/** The most points on the map, and the most numbers of their latents: 32 MB, which the page hands on to the worker of the layout. */
const MAP_POINTS = 200_000;
const MAP_NUMBERS = 1 << 23;
const SLICE = 1024;
/** Items that people chose together with another, on its card. */
const COMPANIONS = 6;

/** What can be found out about the IDs of a catalogue. */
export class Study {
  readonly inside: CodeStudy;
  private readonly model: RQVAE;
  private readonly held: HeldItems;
  private histories: HeldItems["histories"];
  private together: ChosenTogether | undefined;
  private readonly ids: SemanticIds;
  private explainer: Promise<Explainer> | undefined;
  private assessed: Promise<IdReport> | undefined;
  private variance: number | undefined;
  private index: SemanticIdIndex | undefined;
  private published: Published | undefined;

  constructor(model: RQVAE, held: HeldItems, ids: SemanticIds) {
    this.model = model;
    this.held = held;
    this.histories = held.histories;
    this.ids = ids;
    this.inside = new CodeStudy(model, held, ids, (item) => this.errorOf(item));
  }

  /** The items' latents, of all of them where that is bearable. */
  async latents(): Promise<Latents> {
    const { vectors } = this.held;
    const { latentDim: dim } = this.model.config;
    const items = evenly(vectors.rows, Math.min(MAP_POINTS, Math.floor(MAP_NUMBERS / dim)));
    const latents = new Float32Array(items.length * dim);
    for (let from = 0; from < items.length; from += SLICE) {
      latents.set(this.model.latents(await vectors.take(items.subarray(from, from + SLICE))), from * dim);
      await nextTask();
    }
    return { items, latents, dim };
  }

  async explain(item: number): Promise<ItemDetails> {
    const { vectors, labels } = this.held;
    this.explainer ??= explainIds(this.model, vectors.reader(), {
      ...{ ids: this.ids, nearest: 0 },
      ...(labels ? { labels } : {}),
    });
    const { toString: _, ...explanation } = await (await this.explainer).explain(item);
    return { explanation, error: this.model.part === "full" ? await this.errorOf(item) : undefined };
  }

  /** Squared error of an item's reconstruction, in units of the items' mean squared distance from their mean. */
  private async errorOf(item: number): Promise<number> {
    const { vectors } = this.held;
    const original = await vectors.take(Uint32Array.of(item));
    const error = squaredError(this.model.reconstruct(original), original.data);
    this.variance ??= meanSquaredDistance(await vectors.sample());
    return this.variance > 0 ? error / this.variance : 0;
  }

  lookup(codes: readonly number[]): FoundIds {
    const { ids, model } = this;
    this.index ??= SemanticIdIndex.build([...Array(ids.length).keys()], ids, { model });
    const having = (prefix: readonly number[]) => Uint32Array.from(this.index!.items(prefix) as number[]);
    const items = having(codes);
    if (items.length > 0) return { items };
    const nearest = this.index.nearestValid(codes);
    return { items: having(nearest), nearest };
  }

  /** What people chose of the items; the report and the companions are about it from now on. */
  useHistories(histories: HeldItems["histories"]): void {
    this.histories = histories;
    this.together = undefined;
    this.assessed = undefined;
  }

  /** Items that people chose together with this one; undefined without histories. */
  companions(item: number): Companion[] | undefined {
    if (!this.histories) return undefined;
    this.together ??= new ChosenTogether(this.histories.histories);
    return this.together.with(item, COMPANIONS);
  }

  private assess(): Promise<IdReport> {
    const { vectors, labels } = this.held;
    const { histories } = this;
    this.assessed ??= assessIds(this.ids, {
      ...{ items: vectors.reader(), model: this.model, baseline: true },
      ...(labels ? { labels } : {}),
      ...(histories ? { histories: histories.histories } : {}),
    });
    return this.assessed;
  }

  report = async (): Promise<ReportSummary> =>
    summarizeReport(await this.assess(), this.published?.about, this.histories?.text);

  /** The IDs as they are published: the model's own, unless they were made unique. */
  get publishedIds(): SemanticIds {
    return this.published?.ids ?? this.ids;
  }

  async makeUnique(how: HowUnique): Promise<UniqueIds> {
    this.published = await publishUnique(this.model, this.held, this.ids, how);
    return this.published.about;
  }

  /** How the published IDs became unique; undefined if they are the model's own. */
  get howUnique(): HowUnique | undefined {
    return this.published?.about.how;
  }

  /** Publishes the model's own IDs again. */
  undoUnique(): void {
    this.published = undefined;
  }

  indexFile = (): Blob => {
    const index = this.published?.index ?? indexOf(this.held, this.ids);
    return new Blob([index.save() as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" });
  };

  async reportFile(title: string): Promise<Blob> {
    const { reportFile } = await import("./report-file.ts");
    return reportFile(await this.assess(), title, this.held);
  }
}
