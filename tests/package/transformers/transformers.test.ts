/** @huggingface/transformers with the model of examples/generate: constrained `generate`, and beam search around the model's own call. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { SemanticIdIndex } from "rqvae";
import type { FoundItem } from "rqvae/decoding";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Recommender } from "../../../examples/generate/recommender.js";
import { historiesOfEmoji } from "../../js/support/emoji-histories.ts";
import { makeProject, type Project, ROOT, transformersTools } from "../project.ts";

const tools = transformersTools();
const histories = [0, 4, 9].map((user) => historiesOfEmoji()[user]!.slice(0, -1));

interface Answer {
  greedy: number[][];
  ended: number[][];
  sampled: number[][];
  searched: FoundItem[][];
}

describe.skipIf(!tools)("transformers.js", () => {
  let project: Project;
  let answer: Answer;
  let index: SemanticIdIndex;
  beforeAll(async () => {
    project = makeProject({ within: tools!, sources: ["transformers"] });
    for (const name of ["model", "emoji.index"]) {
      cpSync(join(ROOT, "examples/generate", name), join(project.folder, name), { recursive: true });
    }
    symlinkSync(join(ROOT, "node_modules/@types"), join(project.folder, "node_modules/@types"));
    const compilerOptions = {
      ...{ module: "nodenext", target: "ES2022", lib: ["ES2023", "DOM"], types: ["node"], strict: true },
      ...{ noUncheckedIndexedAccess: true, skipLibCheck: true }, // the library's own declarations are not ours to check
    };
    writeFileSync(join(project.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.mts"] }));
    index = await SemanticIdIndex.load(readFileSync(join(project.folder, "emoji.index")));
  });
  afterAll(() => project?.remove());

  it("type-checks with the current release", () => {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    let said = "";
    try {
      project.run([tsc, "-p", "tsconfig.json", "--pretty", "false"]);
    } catch (error) {
      said = (error as { stdout: string }).stdout;
    }
    expect(said).toBe("");
  });

  it("generates items that the filter allows, from files of this folder: greedily, to the end and at random", () => {
    answer = JSON.parse(project.run(["consumer.mjs", JSON.stringify(histories)]));
    const { greedy, ended, sampled } = answer;
    for (const codes of [greedy, sampled].flat()) {
      expect(index.items(codes)).toHaveLength(1);
      expect(histories.flat()).not.toContain(index.items(codes)[0]);
    }
    expect(greedy).toHaveLength(histories.length);
    expect(ended).toEqual(greedy);
  });

  it("finds, by beamSearch around its model, what onnxruntime finds", async () => {
    ort.env.wasm.numThreads = 1;
    const session = await ort.InferenceSession.create(readFileSync(join(project.folder, "model/onnx/model.onnx")));
    const recommender = new Recommender(ort, session, index);
    for (const [user, history] of histories.entries()) {
      const expected = await recommender.recommend(history, {});
      const found = answer.searched[user]!;
      expect(found.map(({ itemId }) => itemId)).toEqual(expected.map(({ itemId }) => itemId));
      found.forEach(({ logProbability }, i) => {
        expect(logProbability).toBeCloseTo(expected[i]!.logProbability, 3);
      });
    }
  });
});
