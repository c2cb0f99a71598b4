// Encodes items in the browser: their vectors never leave it. From the service come only the encoder, some hundred kilobytes, and the
// compact index, which knows the published IDs.
import { RQVAE, SemanticIdIndex } from "rqvae";
import { readItems } from "rqvae/formats";
import { Vocabulary } from "rqvae/vocabulary";

const file = document.querySelector("#file");
const status = document.querySelector("#status");

async function download(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error((await response.json()).error);
  return response.arrayBuffer();
}

/** The model and the index of one publication: between the two downloads the service may have published a new one. */
async function load() {
  for (;;) {
    const [encoder, published] = await Promise.all([download("/encoder"), download("/index")]);
    const [model, index] = await Promise.all([RQVAE.load(encoder), SemanticIdIndex.load(published)]);
    if (model.fingerprint === index.fingerprint) return { model, index };
    model.dispose();
  }
}

/** A row for each item: its raw ID is what the model makes of its vector, its published ID what the index says. */
async function show({ model, index }, bytes, fileName) {
  const items = await readItems(bytes, { fileName });
  const { labels } = items;
  const ids = model.encode(items);
  const vocabulary = new Vocabulary(index);
  const rows = Array.from({ length: ids.length }, (_, row) => {
    const itemId = String(labels?.labels?.id?.[row] ?? labels?.titles[row] ?? row);
    const published = index.get(itemId);
    const alike = index.items(ids.at(row).slice(0, -1)).filter((other) => other !== itemId);
    const cells = [
      itemId,
      ids.toTokens(row),
      published ? vocabulary.format(published) : "none yet",
      alike.slice(0, 5).join(", "),
    ];
    const tableRow = document.createElement("tr");
    tableRow.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return tableRow;
  });
  document.querySelector("tbody").replaceChildren(...rows);
  document.querySelector("table").hidden = false;
  status.textContent = `${ids.length} items encoded here, by model ${model.fingerprint}`;
}

try {
  const publication = await load();
  status.textContent = `Model ${publication.model.fingerprint}, ${publication.index.size} published items`;
  file.disabled = false;
  file.addEventListener("change", async () => {
    if (file.files.length === 0) return;
    try {
      await show(publication, await file.files[0].arrayBuffer(), file.files[0].name);
    } catch (error) {
      status.textContent = error.message;
    }
  });
} catch (error) {
  status.textContent = error.message;
}
