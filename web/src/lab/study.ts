import { assessIds, type ItemMatrix, type RQVAE, SemanticIdIndex, type SemanticIds } from "rqvae";
import { type Explainer, explainIds, type IdReport, reportHtml } from "rqvae/report";
import { nextTask } from "../base/slices.ts";
import { CodeStudy } from "./code-study.ts";
import type { HeldItems } from "./items.ts";
import { projectToPlane } from "./projection.ts";
import type { FoundIds, ItemDetails, LatentMap, ReportSummary } from "./types.ts";
import { evenly } from "./vectors.ts";

/** The most points on the map. */
const MAP_POINTS = 20_000;
const SLICE = 1024;

/** What can be found out about the IDs of a catalogue. */
export class Study {
  readonly inside: CodeStudy;
  private readonly model: RQVAE;
  private readonly held: HeldItems;
  private readonly ids: SemanticIds;
  private explainer: Promise<Explainer> | undefined;
  private assessed: Promise<IdReport> | undefined;
  private variance: number | undefined;
  private index: SemanticIdIndex | undefined;

  constructor(model: RQVAE, held: HeldItems, ids: SemanticIds) {
    this.model = model;
    this.held = held;
    this.ids = ids;
    this.inside = new CodeStudy(model, held, ids, (item) => this.errorOf(item));
  }

  async map(): Promise<LatentMap> {
    const { vectors } = this.held;
    const { latentDim } = this.model.config;
    const rows = evenly(vectors.rows, MAP_POINTS);
    const latents = new Float32Array(rows.length * latentDim);
    for (let from = 0; from < rows.length; from += SLICE) {
      latents.set(this.model.latents(await vectors.take(rows.subarray(from, from + SLICE))), from * latentDim);
      await nextTask();
    }
    return { items: rows, ...projectToPlane(latents, latentDim) };
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
    const restored = this.model.reconstruct(original);
    let error = 0;
    restored.forEach((x, j) => {
      error += (x - original.data[j]!) ** 2;
    });
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

  private assess(): Promise<IdReport> {
    const { vectors, labels } = this.held;
    this.assessed ??= assessIds(this.ids, {
      ...{ items: vectors.reader(), model: this.model, baseline: true },
      ...(labels ? { labels } : {}),
    });
    return this.assessed;
  }

  async report(): Promise<ReportSummary> {
    const report = await this.assess();
    const all = [report, report.baselines?.residualKMeans, report.baselines?.randomHash];
    const row = (
      name: string,
      of: (each: IdReport) => number | null | undefined,
      better: "more" | "less" = "more",
    ) => ({
      name,
      better,
      values: all.map((each) => (each ? (of(each) ?? undefined) : undefined)),
    });
    const compared = [
      row("Items with an ID of their own", (each) => 1 - each.itemsSharing / each.items),
      row("Differences between items that the ID keeps", (each) => each.reconstruction?.explainedVariance),
      row("Nearest items that share the first code", (each) => each.neighbours?.sharing[0]),
      row("Nearest items that are still nearest after decoding", (each) => each.neighbours?.kept),
      ...(report.labels ?? []).map(({ name }, i) =>
        row(`Same ${name} among items that share the first code`, (each) => each.labels?.[i]?.byDepth[0]),
      ),
    ].filter(({ values }) => values[0] !== undefined);
    const [sharing = ""] = report.text.split("\n");
    return { sharing, findings: [...report.findings], text: report.text, compared };
  }

  async reportFile(title: string): Promise<Blob> {
    const { labels } = this.held;
    const html = reportHtml(await this.assess(), { title, ...(labels ? { labels } : {}) });
    return new Blob([html], { type: "text/html" });
  }
}

function meanSquaredDistance({ data, rows, dim }: ItemMatrix): number {
  const mean = new Float64Array(dim);
  let squares = 0;
  for (let i = 0; i < data.length; i++) {
    mean[i % dim]! += data[i]! / rows;
    squares += (data[i]! * data[i]!) / rows;
  }
  return squares - mean.reduce((sum, x) => sum + x * x, 0);
}
