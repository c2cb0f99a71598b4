import emojiLabels from "../../../examples/data/emoji/emoji.labels.json?url";
import emojiItems from "../../../examples/data/emoji/emoji-glovesif100.f16.npy?url";
import iconLabels from "../../../examples/data/material-icons/mdi.labels.json?url";
import iconItems from "../../../examples/data/material-icons/mdi-glovesif100.f16.npy?url";
import articleLabels from "../../../examples/data/sap-fiori/fiori.labels.json?url";
import articleItems from "../../../examples/data/sap-fiori/fiori-minilm384.f16.npy?url";

/** A data set that is served with the page. */
export interface Sample {
  key: string;
  name: string;
  glyph: string;
  about: string;
  itemsUrl: string;
  labelsUrl: string;
  noun: [one: string, many: string];
  /** Titles of items that are good to show first. */
  showFirst: string[];
}

export const samples: readonly Sample[] = [
  {
    key: "emoji",
    name: "Emoji",
    glyph: "😀",
    about: "1,914 emoji, by the words in their names",
    itemsUrl: emojiItems,
    labelsUrl: emojiLabels,
    noun: ["emoji", "emoji"],
    showFirst: ["🐈 cat", "❤️ red heart", "🍎 red apple", "🎸 guitar", "🚲 bicycle", "🌧️ cloud with rain"],
  },
  {
    key: "fiori",
    name: "Articles",
    glyph: "📄",
    about: "778 SAP Fiori help articles, by a language model",
    itemsUrl: articleItems,
    labelsUrl: articleLabels,
    noun: ["article", "articles"],
    showFirst: [],
  },
  {
    key: "icons",
    name: "Icons",
    glyph: "🧩",
    about: "7,447 Material icons, by the words in their names",
    itemsUrl: iconItems,
    labelsUrl: iconLabels,
    noun: ["icon", "icons"],
    showFirst: ["guitar-acoustic", "bicycle", "cat", "airplane"],
  },
];

export const sampleOf = (key: string): Sample | undefined => samples.find((sample) => sample.key === key);
