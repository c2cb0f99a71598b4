import { hook } from "../base/dom.ts";
import "./data-input.css";

/** Where files come from: the two file fields and the drop zone. */
export function onFiles(readItems: (file: File) => void, readLabels: (file: File) => void): void {
  const zone = hook("drop-zone", HTMLDivElement);
  const items = hook("file-input", HTMLInputElement);
  const labels = hook("labels-input", HTMLInputElement);

  const listen = (input: HTMLInputElement, read: (file: File) => void) =>
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) read(file);
    });
  listen(items, readItems);
  listen(labels, readLabels);

  zone.addEventListener("drop", (event) => {
    for (const file of event.dataTransfer?.files ?? []) {
      if (/label|title/i.test(file.name)) readLabels(file);
      else readItems(file);
    }
  });

  // A file dropped outside the zone must not replace the page. The whole page shows where to drop it.
  let depth = 0;
  const mark = () => zone.classList.toggle("is-over", depth > 0);
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("dragenter", () => {
    depth++;
    mark();
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    mark();
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    mark();
  });
}
