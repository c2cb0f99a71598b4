import { describe, expect, it } from "vitest";
import { OPTIONS } from "../../../bindings/js/options/describe.ts";
import type { Value } from "../../../bindings/js/options/table.ts";
import {
  countSettings,
  runKey,
  runsOf,
  runText,
  settingKey,
  settingsOf,
  settingText,
} from "../../../bindings/js/sweep/settings.ts";

const axis = (name: string, ...values: Value[]) => ({
  option: OPTIONS.find((option) => option.name === name)!,
  values,
});

describe("settings", () => {
  it("are the product of the values, the last option turning fastest", () => {
    const axes = [axis("codebookSize", 64, [64, 256]), axis("hiddenDims", [], [512, 256])];
    const settings = settingsOf(axes);
    expect(settings).toHaveLength(countSettings(axes));
    expect(settings.map(settingText)).toEqual([
      "codebookSize=64 hiddenDims=none",
      "codebookSize=64 hiddenDims=512/256",
      "codebookSize=64/256 hiddenDims=none",
      "codebookSize=64/256 hiddenDims=512/256",
    ]);
    expect(settingsOf([])).toEqual([{}]);
  });

  it("are the same in whatever order their options are named, and differ otherwise", () => {
    expect(settingKey({ epochs: 3, codebookSize: [8, 4] })).toBe(settingKey({ codebookSize: [8, 4], epochs: 3 }));
    expect(settingKey({ epochs: 3 })).not.toBe(settingKey({ epochs: 4 }));
    expect(settingKey({ codebookSize: 8 })).not.toBe(settingKey({ codebookSize: [8] }));
  });
});

describe("runs", () => {
  it("go seed by seed, baselines first, and none is named twice", () => {
    const runs = runsOf([{ epochs: 1 }, { epochs: 2 }], [{ codebookSize: [8, 8] }], [5, 7]);
    expect(runs.map(runText)).toEqual([
      "residual k-means codebookSize=8/8 seed=5",
      "epochs=1 seed=5",
      "epochs=2 seed=5",
      "residual k-means codebookSize=8/8 seed=7",
      "epochs=1 seed=7",
      "epochs=2 seed=7",
    ]);
    expect(new Set(runs.map(runKey)).size).toBe(runs.length);
  });
});
