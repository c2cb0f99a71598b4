import { type PresetName, presets, type Recipe } from "rqvae";
import { hook, make } from "../base/dom.ts";
import {
  onSettings,
  readSettings,
  resetTouched,
  restoreFields,
  shapeOfItems,
  typedFields,
  typeSettings,
} from "./options-form.ts";
import "./preset-picker.css";

interface Preset {
  title: string;
  sets: string;
  source: string;
  /** What the source is. */
  is: string;
}

const PRESETS: Record<PresetName, Preset> = {
  tiger: {
    title: "TIGER",
    sets: "3 levels of 256 codes, encoder 512-256-128, latent width 32, Adagrad; the paper trains 20,000 epochs",
    source: "https://arxiv.org/abs/2305.05065",
    is: "paper",
  },
  lcrec: {
    title: "LC-Rec",
    sets: "4 levels of 256 codes, encoder 2,048 to 64, balanced last codes, AdamW; the program trains 10,000 epochs",
    source: "https://arxiv.org/abs/2311.09049",
    is: "paper",
  },
  hopwise: {
    title: "Hopwise",
    sets: "3 levels of 256 codes, encoder 256-128-64, latent width 256, SimVQ, Adagrad; the program trains 20,000 epochs",
    source: "https://github.com/tail-unica/hopwise",
    is: "program",
  },
};

const host = hook("presets", HTMLElement);
const back = make("button", "button small", "Back to suggested");
const buttons: HTMLButtonElement[] = [];
/** What was typed before the first preset. */
let before: [name: string, text: string][] | undefined;

/** Fills in the form by a published recipe. The visitor's own epochs stay: nobody waits for 20,000 in a tab. */
function choose(name: PresetName): void {
  const shape = shapeOfItems();
  if (!shape) return;
  const epochs = epochsOfForm();
  before ??= typedFields();
  const { model, train }: Recipe = presets[name]({ inputDim: shape.inputDim });
  resetTouched();
  // The default follows the epochs, in words that a field does not take.
  const evaluateEvery = train.evaluateEvery ?? Math.max(1, Math.floor(epochs / 50));
  typeSettings({ model, train: { ...train, epochs, evaluateEvery } });
  mark(name);
}

function epochsOfForm(): number {
  try {
    return readSettings().train.epochs ?? 100;
  } catch {
    return 100; // what is wrong in the form goes with the preset
  }
}

function undo(): void {
  restoreFields(before ?? []);
  mark(undefined);
}

function mark(chosen: PresetName | undefined): void {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.preset === chosen));
  if (!chosen) before = undefined;
  back.hidden = !chosen;
}

/** The presets, above the fields that they fill in. */
export function offerPresets(): void {
  const list = make("ul", "preset-list");
  for (const [name, { title, sets, source, is }] of Object.entries(PRESETS)) {
    const button = make("button", "button small", title);
    button.type = "button";
    button.dataset.preset = name;
    button.dataset.testid = `preset-${name}`;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => choose(name as PresetName));
    buttons.push(button);
    const link = make("a", "", is);
    link.href = source;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.setAttribute("aria-label", `${title}: the ${is}`);
    list.append(make("li", "", button, make("span", "hint", `${sets} (`, link, ")")));
  }
  back.type = "button";
  back.hidden = true;
  back.dataset.testid = "preset-undo";
  back.addEventListener("click", undo);
  host.append(
    make("h3", "", "Published recipes"),
    make("p", "hint", "To compare with the field, or to reproduce it. The number of epochs stays yours."),
    list,
    back,
  );
  let shape = shapeOfItems();
  const follow = () => {
    const next = shapeOfItems();
    for (const button of buttons) button.disabled = next === undefined;
    if (next !== shape) mark(undefined); // other items, whose settings are the suggested ones again
    shape = next;
  };
  follow();
  onSettings(follow);
}
