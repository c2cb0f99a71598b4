import { stripVTControlCharacters } from "node:util";
import type { TrainProgress, TrainWarning } from "rqvae";
import { describe, expect, it } from "vitest";
import "../../../bindings/js/cli/options.ts";
import { option, toText, type Wording, worded } from "../../../bindings/js/base/wording.ts";
import { percent, short } from "../../../bindings/js/base/words.ts";
import { trainView } from "../../../bindings/js/cli/progress.ts";
import { describeModel } from "../../../bindings/js/cli/show.ts";
import { displayWidth, duration, listed, paletteFor, shorten, wordWrap } from "../../../bindings/js/cli/text.ts";
import { inCliWords } from "../../../bindings/js/cli/words.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";

describe("on a terminal", () => {
  const event = {
    phase: "train" as const,
    progress: 0.5,
    epoch: 4,
    epochs: 10,
    step: 5,
    totalSteps: 10,
    newEpochs: [],
    itemWarnings: [],
    elapsedMs: 1500,
    remainingMs: 75_000,
    itemsPerSecond: 12345,
  };

  function terminal(columns: number) {
    let written = "";
    const write = (text: string) => {
      written += text;
      return true;
    };
    return { stream: { isTTY: true, columns, write } as unknown as NodeJS.WriteStream, text: () => written };
  }

  it("draws one block over itself and takes it away", () => {
    const { stream, text } = terminal(80);
    const view = trainView(stream);
    view.update({ ...event, phase: "initialize", progress: 0.05 });
    view.update(event);
    view.end();
    expect(text()).toContain("Preparing");
    expect(text()).toContain("  5%");
    expect(text()).toContain("epoch 5 of 10");
    expect(text()).toContain("12,345 items/s   1.5 s so far   1 min 15 s left");
    expect(text().split("\x1b[2A\x1b[0J")).toHaveLength(2);
    expect(text().endsWith("\x1b[4A\x1b[0J")).toBe(true);
  });

  const warning = (kind: TrainWarning["kind"], epoch: number, level?: number): TrainWarning => {
    const wording = worded`${kind} at ${String(level)}: a smaller ${option("learningRate")}, ${option("gradientClip", 1)}, ${"and so on ".repeat(20)}`;
    return { kind, epoch, ...(level === undefined ? {} : { level }), message: toText(wording), wording };
  };
  const ids = { uniqueShare: 0.5, usage: [1, 1] };
  const endOf = (epoch: number, ...warnings: TrainWarning[]) =>
    ({ ...event, newEpochs: [{ epoch, evaluated: true, warnings, ids }] }) as unknown as TrainProgress;

  it("shows the latest warning below the block as long as it stands", () => {
    const { stream, text } = terminal(60);
    const view = trainView(stream);
    view.update(endOf(2, warning("collapse", 2, 0), warning("divergence", 2)));
    view.update({ ...event, newEpochs: [] });
    view.update(endOf(3));
    view.update(endOf(4, warning("collisions", 4)));
    view.update(endOf(8, warning("collisions", 8)));
    const blocks = stripVTControlCharacters(text()).split("  Training").slice(1);
    const shown = blocks.map((block) => /warning in epoch \d+: \w+/.exec(block)?.[0]);
    const divergence = "warning in epoch 3: divergence";
    // Shared IDs early on are no news: training takes them away.
    expect(shown).toEqual([divergence, divergence, undefined, undefined, "warning in epoch 9: collisions"]);
    expect(blocks[0]?.replaceAll(/\s+/g, " ")).toContain("a smaller --lr, --clip 1");
    for (const line of stripVTControlCharacters(text()).split("\n")) expect(displayWidth(line)).toBeLessThan(60);
    expect(blocks[0]?.split("\n").filter((line) => line)).toHaveLength(7);
  });

  it("tells each kind and level of warning once where there is no terminal", () => {
    const { stream, text } = terminal(80);
    const view = trainView({ ...stream, isTTY: false } as unknown as NodeJS.WriteStream);
    view.update(endOf(0, warning("collapse", 0, 0), warning("collapse", 0, 1), warning("collisions", 0)));
    view.update(endOf(1, warning("collapse", 1, 1), warning("overfitting", 1)));
    view.update(endOf(9, warning("overfitting", 9), warning("collisions", 9)));
    view.end();
    const told = text().match(/^warning in epoch \d+: \w+ at \w+/gm);
    expect(told).toEqual([
      "warning in epoch 1: collapse at 0",
      "warning in epoch 1: collapse at 1",
      "warning in epoch 2: overfitting at undefined",
      "warning in epoch 10: collisions at undefined",
    ]);
  });

  it("puts the library's messages into the words of the command line", () => {
    const said: [wording: Wording, library: string, commandLine: string][] = [
      [
        worded`a smaller ${option("learningRate")} (it is ${0.3})`,
        "a smaller learningRate (it is 0.3)",
        "a smaller --lr (it is 0.3)",
      ],
      [
        worded`try ${option("deadCodeRestart", true)} or ${option("gradientClip", 1)}`,
        "try deadCodeRestart: true or gradientClip: 1",
        "try --restart-dead-codes or --clip 1",
      ],
      [worded`try ${option("select", "collision")}`, 'try select: "collision"', "try --select collision"],
      [
        worded`write ${option("deadCodeRestart", "withSinkhorn")}`,
        'write deadCodeRestart: "withSinkhorn"',
        "write --restart-dead-codes=withSinkhorn",
      ],
      [
        worded`a larger ${option("codebookLearningRateScale")}`,
        "a larger codebookLearningRateScale",
        "a larger --codebook-learning-rate-scale",
      ],
      // Words that are also names of options stay what they are.
      [
        worded`fewer epochs at the optimizer's momentum`,
        "fewer epochs at the optimizer's momentum",
        "fewer epochs at the optimizer's momentum",
      ],
      [worded`${{ call: "train" }}stopped in ${{ epoch: 3 }}`, "train: stopped in epoch 3", "stopped in epoch 4"],
      [worded`use ${{ api: "residualKMeans", cli: "rqvae kmeans" }}`, "use residualKMeans", "use rqvae kmeans"],
    ];
    for (const [wording, library, commandLine] of said) {
      expect([toText(wording), inCliWords(wording)]).toEqual([library, commandLine]);
    }
  });

  it("never lets a line of the block wrap", () => {
    for (const columns of [40, 80, 120]) {
      const { stream, text } = terminal(columns);
      trainView(stream).update({ ...event, epoch: 99_999, epochs: 100_000 });
      const lines = stripVTControlCharacters(text()).split("\n");
      for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns);
    }
  });

  it("has colours only where they are wanted", () => {
    const { stream } = terminal(80);
    const { NO_COLOR } = process.env;
    try {
      delete process.env.NO_COLOR;
      expect(paletteFor(stream).bold("x")).toBe("\x1b[1mx\x1b[22m");
      process.env.NO_COLOR = "1";
      expect(paletteFor(stream).bold("x")).toBe("x");
    } finally {
      if (NO_COLOR === undefined) delete process.env.NO_COLOR;
      else process.env.NO_COLOR = NO_COLOR;
    }
    expect(paletteFor({ isTTY: false } as NodeJS.WriteStream).code("x")).toBe("x");
  });

  it("fits the summary into the width, emoji and all", async () => {
    const ids = SemanticIds.from(
      Array.from({ length: 300 }, (_, i) => [i % 3, (i * i) % 11, i % 7]),
      { codebookSizes: [4, 11, 7] },
    );
    const summary = {
      ids,
      dim: 3,
      labels: { titles: Array.from({ length: 300 }, (_, i) => `👩‍🚀 ${"漢字".repeat(i % 40)}\x1b[2J\n${i}`) },
      effort: "1 epoch in 0.1 s",
      losses: { reconstruction: 1, quantization: 2 },
      identity: "rqvae 0.1.0, seed 0, fingerprint 0123456789abcdef",
      configuration: "--codes 8 --latent 3",
      explainedVariance: 0.5,
      files: [{ path: "m", what: "the model", size: "1 kB" }],
      next: "rqvae",
    };
    for (const columns of [80, 120, 200]) {
      const text = await describeModel(summary, columns, paletteFor({ isTTY: false } as NodeJS.WriteStream));
      for (const line of text.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(Math.min(columns, 120));
      expect(text).not.toContain("\x1b");
    }
    const named = { ...summary, labels: undefined, itemIds: Array.from({ length: 300 }, (_, i) => `sku-${i}`) };
    const text = await describeModel(named, 80, paletteFor({ isTTY: false } as NodeJS.WriteStream));
    expect(text).toMatch(/<c_\d+> +sku-\d+$/m);
    expect(text).not.toMatch(/--labels|row \d/);
  });

  it("words numbers", () => {
    expect([0, 0.5, 0.99999, 1].map((share) => percent(share))).toEqual(["0%", "50.0%", "99.9%", "100%"]);
    expect([0.04, 59.6, 75, 4000].map(duration)).toEqual(["0.0 s", "1 min 0 s", "1 min 15 s", "1 h 6 min"]);
    expect([0, 1.23456, 123.456, 12345.6, 1.5e-7].map(short)).toEqual(["0", "1.23", "123", "12,346", "1.50e-7"]);
    expect(["a", "é", "漢", "❤️", "🇩🇪", "👍"].map(displayWidth)).toEqual([1, 1, 2, 2, 2, 2]);
    expect(shorten("👍👍👍", 5)).toBe("👍👍…");
    expect(listed(["aa", "bb", "cc"], 20)).toBe("aa, bb, cc");
    expect(listed(["aa", "bb", "cc"], 9)).toBe("aa, bb, …");
    expect(listed(["aa"], 20, 5)).toBe("aa, …");
    expect(wordWrap("to be or not to be", 9, " ")).toEqual(["to be or", " not to", " be"]);
    expect(wordWrap("👍👍👍👍👍 a", 5)).toEqual(["👍👍👍👍👍", "a"]);
  });
});
