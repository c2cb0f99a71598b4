import { SemanticIds } from "rqvae";
import { idChips } from "../base/code-chips.ts";
import { hook, make } from "../base/dom.ts";
import { download } from "../base/download.ts";
import { inPlainWords } from "../base/page-error.ts";
import { plural } from "../base/words.ts";
import { describeNaming, titleOf } from "../data/data-set.ts";
import { Lab } from "../lab/lab.ts";

const SHOWN = 8;

const modelInput = hook("model-input", HTMLInputElement);
const itemsInput = hook("new-items-input", HTMLInputElement);
const modelHint = hook("reuse-model", HTMLSpanElement);
const result = hook("reuse-result", HTMLDivElement);
const alert = hook("reuse-error", HTMLDivElement);

/** A separate worker, so that the model in training is not touched. */
const lab = new Lab();
let loaded = false;

function fail(error: unknown): void {
  alert.textContent = inPlainWords(error);
  alert.hidden = false;
}

async function loadModel(file: File): Promise<void> {
  alert.hidden = true;
  loaded = false;
  modelHint.textContent = `Reading ${file.name}…`;
  try {
    const { config, fingerprint } = await lab.call("loadModel", { file });
    const { codebookSize: codebookSizes, inputDim } = config;
    loaded = true;
    modelHint.textContent = `${plural(codebookSizes.length, "level")} of ${[...new Set(codebookSizes)].join(", ")} codes, for rows of ${plural(inputDim, "number")} (${fingerprint.slice(0, 8)})`;
    const items = itemsInput.files?.[0];
    if (items) await encode(items);
  } catch (error) {
    modelHint.textContent = "model.safetensors";
    fail(error);
  }
}

async function encode(file: File): Promise<void> {
  alert.hidden = true;
  result.replaceChildren();
  if (!loaded) {
    result.append(make("p", "hint", "Now load the model to give these items their IDs."));
    return;
  }
  result.append(make("p", "hint", `Giving the items of ${file.name} their IDs…`));
  try {
    const { ids: plain, ...naming } = await lab.call("encodeFile", { file });
    const ids = SemanticIds.from({ codes: plain.codes, levels: plain.codebookSizes.length }, plain);
    const list = make("ul", "reuse-list");
    for (let i = 0; i < Math.min(SHOWN, ids.length); i++) {
      list.append(make("li", "", idChips(ids, i), make("span", "", titleOf(naming, i))));
    }
    const save = make("button", "button", "Download all as ids.csv");
    save.type = "button";
    save.dataset.testid = "download-new-ids";
    save.addEventListener("click", () => {
      lab.call("idsFile", { format: "csv" }).then((blob) => download(blob, "ids.csv"), fail);
    });
    result.replaceChildren(
      make("p", "", `${plural(ids.length, "item")} ${ids.length === 1 ? "has its ID" : "have their IDs"}.`),
      make("p", "hint", describeNaming(naming)),
      list,
      save,
    );
  } catch (error) {
    result.replaceChildren();
    fail(error);
  }
}

/** Gives new items the IDs of a model from a file. */
export function offerReuse(): void {
  modelInput.addEventListener("change", () => {
    const file = modelInput.files?.[0];
    if (file) void loadModel(file);
  });
  itemsInput.addEventListener("change", () => {
    const file = itemsInput.files?.[0];
    if (file) void encode(file);
  });
}
