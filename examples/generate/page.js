// The page: a history, filters, and the ten items that come next. The model runs here, in WebAssembly.
import * as ort from "onnxruntime-web";
import { SemanticIdIndex } from "rqvae";
import { Vocabulary } from "rqvae/vocabulary";
import { Recommender } from "./recommender.js";

const $ = (id) => document.getElementById(id);
const status = $("status");

async function download(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return response;
}
const bytesOf = async (path) => (await download(path)).arrayBuffer();

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
/** An item ID is an emoji and its name. */
const parts = (itemId) => [itemId.slice(0, itemId.indexOf(" ")), itemId.slice(itemId.indexOf(" ") + 1)];

try {
  ort.env.wasm.numThreads = 1;
  const [session, index, { titles, labels }, lines] = await Promise.all([
    bytesOf("model/onnx/model.onnx").then((model) => ort.InferenceSession.create(new Uint8Array(model))),
    bytesOf("emoji.index").then((bytes) => SemanticIdIndex.load(bytes)),
    download("emoji.labels.json").then((response) => response.json()),
    download("emoji-histories.txt").then((response) => response.text()),
  ]);
  await start(new Recommender(ort, session, index), index, titles, labels.group, lines.trim().split("\n"));
} catch (error) {
  status.textContent = error.message;
}

async function start(recommender, index, titles, groupOf, lines) {
  const vocabulary = new Vocabulary(index);
  const groups = new Map();
  titles.forEach((title, row) => {
    groups.set(groupOf[row], [...(groups.get(groupOf[row]) ?? []), title]);
  });
  /** What is not sold out: one filter for the whole visit, which items leave and enter. */
  const inStock = await index.filter();
  const soldOut = new Set();
  const byGroup = new Map();
  for (const [group, own] of groups) byGroup.set(group, await index.filter(own));

  let history = [];
  let search = new AbortController();

  async function allowed() {
    let filter = inStock;
    const group = $("group").value;
    if (group) filter = filter.intersection(byGroup.get(group));
    if ($("not-seen").checked) filter = filter.intersection((await index.filter(history)).complement());
    return filter;
  }

  async function show() {
    search.abort();
    search = new AbortController();
    const { signal } = search;
    showHistory();
    const runs = recommender.runs;
    const started = performance.now();
    try {
      const items = await recommender.recommend(history, { filter: await allowed(), signal });
      signal.throwIfAborted();
      const took = performance.now() - started;
      $("items").replaceChildren(...items.map((item) => itemRow(item, items[0])));
      status.textContent = items.length
        ? `${items.length} items in ${took.toFixed(0)} ms; the model ran ${recommender.runs - runs} times`
        : "No item is left: the filters allow none.";
    } catch (error) {
      if (!signal.aborted) status.textContent = error.message;
    }
  }

  function showHistory() {
    const chips = history.map((itemId, place) => {
      const remove = () => choose(history.filter((_, i) => i !== place));
      const [emoji, name] = parts(itemId);
      return element("li", {}, element("button", { title: `Remove ${name}`, onclick: remove }, `${emoji} ${name} ×`));
    });
    $("history").replaceChildren(...chips);
    $("restock").hidden = soldOut.size === 0;
    $("restock").textContent = `${soldOut.size} sold out: restock`;
  }

  /** With a bar as long as the item is probable next to the best one. */
  function itemRow({ itemId, codes, logProbability }, best) {
    const [emoji, name] = parts(itemId);
    const share = element("span", {
      className: "share",
      textContent: `${(100 * Math.exp(logProbability)).toFixed(1)}%`,
    });
    share.style.setProperty("--share", `${100 * Math.exp(logProbability - best.logProbability)}%`);
    const sell = () => {
      soldOut.add(itemId);
      inStock.remove([itemId]);
      show();
    };
    return element(
      "li",
      {},
      element("span", { className: "emoji", textContent: emoji }),
      element("span", { className: "name" }, name, element("code", { textContent: vocabulary.format(codes) })),
      share,
      element(
        "span",
        { className: "actions" },
        element("button", { ariaLabel: `Choose ${name}`, onclick: () => choose([...history, itemId]) }, "Choose"),
        element("button", { ariaLabel: `${name} is sold out`, onclick: sell }, "Sold out"),
      ),
    );
  }

  function choose(items) {
    history = items;
    return show();
  }

  /** All choices of a user but the last one, which the model has not learned from. */
  function historyOf(line) {
    const [, ...rows] = line.split(" ").map(Number);
    return rows.slice(0, -1).map((row) => titles[row - 1]);
  }

  $("titles").append(...titles.map((value) => element("option", { value })));
  $("group").append(...[...groups.keys()].map((value) => element("option", { value, textContent: value })));
  for (const id of ["not-seen", "group"]) $(id).addEventListener("change", show);
  $("add").addEventListener("input", () => {
    if (index.get($("add").value) === undefined) return;
    choose([...history, $("add").value]);
    $("add").value = "";
  });
  /** Enter takes the emoji of that name, or else the first one whose name has the text in it. */
  $("add").form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("add").value.trim().toLowerCase();
    if (text === "") return;
    const names = titles.map((title) => parts(title)[1].toLowerCase());
    const row = names.includes(text) ? names.indexOf(text) : names.findIndex((name) => name.includes(text));
    if (row < 0) {
      status.textContent = `No emoji is called ${text}.`;
      return;
    }
    $("add").value = "";
    choose([...history, titles[row]]);
  });
  $("user").addEventListener("click", () => choose(historyOf(lines[Math.floor(Math.random() * lines.length)])));
  $("restock").addEventListener("click", () => {
    inStock.add([...soldOut]);
    soldOut.clear();
    show();
  });
  for (const control of document.querySelectorAll("[disabled]")) control.disabled = false;
  await choose(historyOf(lines[0]));
}
